"""The network: a causal temporal convolution from log-mel slots to articulators.

One code path: `forward` takes any number of slots and the caches of the convolutions, and a
whole recording is the case of fresh caches.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.latents.audio_regression.visemes import N_ARTICULATORS
from talking_portrait_ros.nn.loading import load_into

TRAIN = "talking-portrait train audio-regression"
SLOT_WIDTH = 80
N_CHANNELS = 64
N_OUTPUTS = N_ARTICULATORS + 1  # the last: is somebody speaking, or about to
KERNEL = 3
DILATIONS = (1, 2, 4, 8, 16, 1)

Caches = list[Tensor]  # per block [B, C, KERNEL - 1 times dilation]


class CausalBlock(nn.Module):
    """Residual block: dilated causal convolution, ReLU, 1x1 convolution.

    Both are one matrix product each: for the few slots of a live frame, and for dilated
    convolutions at all, that is several times faster on a CPU than torch's convolution.
    """

    def __init__(self, n_channels: int, dilation: int) -> None:
        super().__init__()
        self.past = (KERNEL - 1) * dilation
        self.spread = nn.Conv1d(n_channels, n_channels, KERNEL, dilation=dilation)
        self.mix = nn.Conv1d(n_channels, n_channels, 1)

    def forward(self, x: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        """Output [B, C, T] and the next cache, from input [B, C, T] and what came before it."""
        seen = torch.cat([cache, x], dim=2)  # [B, C, past + T]
        n, dilation = x.shape[2], self.past // (KERNEL - 1)
        taps = [seen[:, :, k * dilation : k * dilation + n] for k in range(KERNEL)]
        hidden = functional.relu(_mixed(self.spread, torch.stack(taps, dim=2).flatten(1, 2)))
        return x + _mixed(self.mix, hidden), seen[:, :, seen.shape[2] - self.past :]


def _mixed(conv: nn.Conv1d, taps: Tensor) -> Tensor:
    """What `conv` makes of its taps, [B, C K, T], those of a channel together, oldest first."""
    assert conv.bias is not None
    return conv.weight.flatten(1) @ taps + conv.bias[:, None]


class ArticulationNet(nn.Module):
    """Log-mel slots [B, 80, T] at 50 Hz to articulators and speaking [B, 6, T].

    104 thousand weights.
    """

    def __init__(self, n_channels: int = N_CHANNELS) -> None:
        super().__init__()
        self.n_channels = n_channels
        self.enter = nn.Conv1d(SLOT_WIDTH, n_channels, 1)
        self.blocks = nn.ModuleList(CausalBlock(n_channels, d) for d in DILATIONS)
        self.leave = nn.Conv1d(n_channels, N_OUTPUTS, 1)

    def fresh_caches(self, n_batch: int = 1) -> Caches:
        """Caches of a stream that begins."""
        weight = self.enter.weight
        sizes = [(n_batch, self.n_channels, (KERNEL - 1) * dilation) for dilation in DILATIONS]
        return [torch.zeros(size, device=weight.device, dtype=weight.dtype) for size in sizes]

    def forward(self, slots: Tensor, caches: Caches) -> tuple[Tensor, Caches]:
        """Articulators and speaking, and the next caches.

        Args:
            slots: [B, 80, T].
            caches: from `fresh_caches` or from the call before.
        """
        x = self.enter(slots)  # [B, C, T]
        kept = []
        for block, cache in zip(self.blocks, caches, strict=True):
            x, cache = block(x, cache)
            kept.append(cache)
        return self.leave(x), kept


def load_net(name: str, device: str = "cpu") -> ArticulationNet:
    """The network with the shipped weights `name`.

    Raises:
        ValueError: the weights are missing or do not fit.
    """
    net = ArticulationNet()
    load_into(net, name, TRAIN)
    return net.to(device)
