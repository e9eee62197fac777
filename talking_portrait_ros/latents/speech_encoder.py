"""A causal speech encoder over log-mel slots, which several families begin with."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.features.log_mel.mel import SLOT_WIDTH
from talking_portrait_ros.latents.audio_regression.model import (
    DILATIONS,
    KERNEL,
    Caches,
    CausalBlock,
)

SLOTS_PER_FRAME = 2


class SpeechEncoder(nn.Module):
    """Log-mel frames [B, T, 160] to [B, T, 2 C], with the past of each convolution in caches."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.enter = nn.Conv1d(SLOT_WIDTH, width, 1)
        self.blocks = nn.ModuleList(CausalBlock(width, dilation) for dilation in DILATIONS)

    def fresh_caches(self, n_batch: int = 1) -> Caches:
        """Caches of a stream that begins."""
        sizes = [(n_batch, self.width, (KERNEL - 1) * dilation) for dilation in DILATIONS]
        return [self.enter.weight.new_zeros(size) for size in sizes]

    def forward(self, frames: Tensor, caches: Caches) -> Tensor:
        """What is heard in each frame; `caches` are brought up to date in place."""
        slots = frames.reshape(len(frames), -1, SLOT_WIDTH)
        x = functional.linear(slots, self.enter.weight[..., 0], self.enter.bias).transpose(1, 2)
        for index, block in enumerate(self.blocks):
            x, caches[index] = block(x, caches[index])
        heard: Tensor = functional.silu(x).transpose(1, 2)
        return heard.reshape(len(frames), -1, SLOTS_PER_FRAME * self.width)
