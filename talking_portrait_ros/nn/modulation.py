"""How the time on a flow's path enters a network: sines, and AdaLN."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

N_MODULATIONS = 6
_TIME_SCALE, _TIME_PERIODS = 1000.0, 10_000.0


class TimeEmbedder(nn.Module):
    """Times on the path, 0..1, [...] -> [..., width]: sines, then an MLP."""

    def __init__(self, width: int, n_sines: int = 128) -> None:
        super().__init__()
        self.n_sines = n_sines
        self.mlp = nn.Sequential(nn.Linear(2 * n_sines, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Tensor) -> Tensor:
        """Embeddings of `t`."""
        turns = torch.arange(self.n_sines, device=t.device) / self.n_sines
        speeds = torch.exp(-math.log(_TIME_PERIODS) * turns)
        angles = _TIME_SCALE * t[..., None].float() * speeds
        sines = torch.cat([angles.cos(), angles.sin()], dim=-1)
        embedded: Tensor = self.mlp(sines.to(self.mlp[0].weight.dtype))  # type: ignore[arg-type]
        return embedded


class Modulation(nn.Module):
    """Embedded time -> shifts, scales and gates; begins at zero."""

    def __init__(self, width: int, n: int = N_MODULATIONS) -> None:
        super().__init__()
        self.linear = nn.Linear(width, n * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, time: Tensor) -> Tensor:
        """[B, S, C] -> [B, S, n C]."""
        numbers: Tensor = self.linear(functional.silu(time))
        return numbers
