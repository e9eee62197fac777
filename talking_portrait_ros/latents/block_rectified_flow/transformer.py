"""The transformer block: attention, MLP, both modulated by the time on the path (AdaLN)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from talking_portrait_ros.nn.modulation import N_MODULATIONS, Modulation
from talking_portrait_ros.nn.norm import RmsNorm

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries, keys and values without positions -> what is seen, all [B, heads, N, head]."""


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
