"""Lips: a few small nets that hear the own voice, and say together what its mouth does.

Each is a net like that of `audio_regression`, from other random weights and other sounds; they err
in different ways, so their mean errs less than each. They say the articulators for every lookahead
at once. Side by side they are one batch: a frame costs what its calls cost.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from talking_portrait_ros.features.causal_speech.config import LOOKAHEADS_MS
from talking_portrait_ros.features.log_mel.mel import SLOT_WIDTH
from talking_portrait_ros.latents.audio_regression.model import (
    DILATIONS,
    KERNEL,
    N_CHANNELS,
    N_OUTPUTS,
    Caches,
)

N_LOOKAHEADS = len(LOOKAHEADS_MS)


class Maps(nn.Module):
    """An affine map of its own for each net, [N, T, in] -> [N, T, out]."""

    def __init__(self, n_nets: int, n_in: int, n_out: int) -> None:
        super().__init__()
        reach = 1 / math.sqrt(n_in)
        self.weight = nn.Parameter(torch.empty(n_nets, n_in, n_out).uniform_(-reach, reach))
        self.bias = nn.Parameter(torch.empty(n_nets, 1, n_out).uniform_(-reach, reach))

    def forward(self, x: Tensor) -> Tensor:
        """One product for all nets."""
        return torch.baddbmm(self.bias, x, self.weight)


class LipBlock(nn.Module):
    """Residual block of each net: dilated causal convolution, ReLU, map."""

    def __init__(self, n_nets: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.spread = Maps(n_nets, KERNEL * N_CHANNELS, N_CHANNELS)
        self.mix = Maps(n_nets, N_CHANNELS, N_CHANNELS)

    def forward(self, x: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        """Output [N, B, T, C] and the next cache, from input [N, B, T, C] and what was before."""
        seen, n = torch.cat([cache, x], dim=2), x.shape[2]
        taps = [seen[:, :, k * self.dilation :][:, :, :n] for k in range(KERNEL)]
        hidden = self.spread(torch.cat(taps, dim=3).flatten(1, 2)).relu_()
        return x + self.mix(hidden).view(x.shape), seen[:, :, n:]


class Lips(nn.Module):
    """Log-mel slots to what the mouth does, by each of N nets."""

    def __init__(self, n_nets: int) -> None:
        super().__init__()
        self.n_nets = n_nets
        self.enter = Maps(n_nets, SLOT_WIDTH, N_CHANNELS)
        self.blocks = nn.ModuleList(LipBlock(n_nets, dilation) for dilation in DILATIONS)
        self.leave = Maps(n_nets, N_CHANNELS, N_LOOKAHEADS * N_OUTPUTS)

    def fresh_caches(self, n_batch: int = 1) -> Caches:
        """Caches of a stream that begins."""
        sizes = [(self.n_nets, n_batch, (KERNEL - 1) * d, N_CHANNELS) for d in DILATIONS]
        return [self.enter.weight.new_zeros(size) for size in sizes]

    def forward(self, slots: Tensor, caches: Caches) -> Tensor:
        """Articulators and speaking `k` slots ago for each lookahead of `k` slots.

        Args:
            slots: what each net hears, [N, B, T, 80].
            caches: brought up to date in place.

        Returns:
            [N, B, T, lookaheads, 6].
        """
        x = self._hidden(slots, caches)
        said: Tensor = self.leave(x.flatten(1, 2))
        return said.view(*x.shape[:3], N_LOOKAHEADS, N_OUTPUTS)

    def _hidden(self, slots: Tensor, caches: Caches) -> Tensor:
        entered: Tensor = self.enter(slots.flatten(1, 2))
        x = entered.view(*slots.shape[:3], N_CHANNELS)
        for index, block in enumerate(self.blocks):
            x, caches[index] = block(x, caches[index])
        return x

    def frame(self, heard: Tensor, lookahead: int, caches: Caches) -> Tensor:
        """What the nets say together of the next frame, in the mean, [5].

        Args:
            heard: the slots of the frame, one after the other, [2 x 80].
            lookahead: index in `LOOKAHEADS_MS`.
            caches: brought up to date in place.
        """
        slots = heard.view(1, 1, -1, SLOT_WIDTH).expand(self.n_nets, -1, -1, -1)
        said = self(slots, caches)[:, 0, :, lookahead, :-1]
        mean: Tensor = said.mean(dim=(0, 1))
        return mean
