"""What the generator is told: sound and guide, from frames to latent steps.

A causal speech encoder hears the log-mel slots; what it makes of a step's frames, how probable
speech is in them, and the motion that the guide would make, are joined per latent step. The first
step of a session stands for one frame and has a map of its own (S1, section 3.3).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.features.log_mel.mel import SLOT_WIDTH
from talking_portrait_ros.latents.audio_regression.model import (
    DILATIONS,
    KERNEL,
    Caches,
    CausalBlock,
)
from talking_portrait_ros.latents.block_rectified_flow.config import BlockRectifiedFlowConfig
from talking_portrait_ros.spaces import MOTION_WIDTH

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


class SoundEmbedder(nn.Module):
    """What is heard per frame, and the guide, as one vector per latent step."""

    def __init__(self, config: BlockRectifiedFlowConfig) -> None:
        super().__init__()
        is_raw = config.encoder == "log_mel"
        self.encoder = SpeechEncoder(config.speech_width) if is_raw else None
        self.no_guide = nn.Parameter(torch.zeros(MOTION_WIDTH))
        n_heard = SLOTS_PER_FRAME * config.speech_width if is_raw else config.heard_width
        n_frame = n_heard + 1 + MOTION_WIDTH
        self.alone = _mlp(n_frame, config.sound_width)
        self.per_step = config.frames_per_step
        self.together = _mlp(self.per_step * n_frame, config.sound_width)

    def fresh_caches(self, n_batch: int = 1) -> Caches:
        """Caches of a stream that begins."""
        return self.encoder.fresh_caches(n_batch) if self.encoder is not None else []

    def hear(self, values: Tensor, caches: Caches) -> Tensor:
        """What the network makes of features [B, T, D]; a speech model's are used as they are."""
        return values if self.encoder is None else self.encoder(values, caches)

    def frames(self, heard: Tensor, speech: Tensor, guide: Tensor | None) -> Tensor:
        """Frames [B, T, n] of what is heard, speech [B, T] and the guide's motion [B, T, 58]."""
        if guide is None:
            guide = self.no_guide.expand(*speech.shape, -1)
        return torch.cat([heard, speech[..., None], guide], dim=-1)

    def steps(self, frames: Tensor, has_first: bool) -> Tensor:
        """Latent steps [B, S, sound_width] of frames [B, T, n].

        T is f S, or f S - f + 1 with the first step of a session.
        """
        own = [self.alone(frames[:, :1])] if has_first else []
        rest = frames[:, has_first:].unflatten(1, (-1, self.per_step)).flatten(2)
        return torch.cat([*own, self.together(rest)], dim=1)


def _mlp(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, 2 * n_out), nn.SiLU(), nn.Linear(2 * n_out, n_out))
