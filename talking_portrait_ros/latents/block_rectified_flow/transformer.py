"""The transformer block: attention, MLP, both modulated by the time on the path (AdaLN)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.nn.norm import RmsNorm

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries, keys and values without positions -> what is seen, all [B, heads, N, head]."""

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


class FlowBlock(nn.Module):
    """x + gate attention(norm x), then x + gate mlp(norm x)."""

    def __init__(self, width: int, head: int, mlp_ratio: int, has_modulation: bool) -> None:
        super().__init__()
        self.n_heads = width // head
        self.attention_norm, self.mlp_norm = RmsNorm(width), RmsNorm(width)
        self.query_norm, self.key_norm = RmsNorm(head), RmsNorm(head)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, mlp_ratio * width),
            nn.GELU(approximate="tanh"),
            nn.Linear(mlp_ratio * width, width),
        )
        self.offset = nn.Parameter(torch.zeros(N_MODULATIONS * width))
        self.modulation = Modulation(width) if has_modulation else None

    def forward(self, x: Tensor, time: Tensor, shared: Tensor | None, attend: Attend) -> Tensor:
        """Tokens of steps [B, S, N, C] -> the same shape.

        Args:
            x: the tokens.
            time: embedded time per step, [B, S, C].
            shared: modulation that all blocks share, [B, S, 6 C]; None where each has its own.
            attend: what the tokens may look at.
        """
        numbers = self.modulation(time) if self.modulation is not None else shared
        assert numbers is not None
        parts = (numbers + self.offset)[:, :, None].chunk(N_MODULATIONS, dim=-1)
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = parts  # each [B, S, 1, C]
        x = x + (1 + gate) * self._looked(self.attention_norm(x) * (1 + scale) + shift, attend)
        hidden: Tensor = self.mlp(self.mlp_norm(x) * (1 + mlp_scale) + mlp_shift)
        return x + (1 + mlp_gate) * hidden

    def _looked(self, x: Tensor, attend: Attend) -> Tensor:
        heads = self.qkv(x.flatten(1, 2)).unflatten(-1, (3, self.n_heads, -1))
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # each [B, heads, S N, head]
        seen = attend(self.query_norm(q), self.key_norm(k), v)
        out: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return out.view(x.shape)


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
