"""Attention over the positions of pictures: rotary positions, and the reference block of S1."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.nn.norm import RmsNorm

ROTARY_BASE = 100.0  # pictures have tens of positions per side, not thousands


@dataclass(frozen=True)
class Rotary:
    """Cosines and sines of rotary positions, each [N, head / 2]."""

    cos: Tensor
    sin: Tensor

    def turn(self, x: Tensor) -> Tensor:
        """Rotate the channel pairs of x [..., N, head]."""
        a, b = x.chunk(2, dim=-1)
        return torch.cat([a * self.cos - b * self.sin, a * self.sin + b * self.cos], dim=-1)

    def repeated(self, n: int) -> Rotary:
        """The same positions for `n` pictures in a row."""
        return Rotary(self.cos.repeat(n, 1), self.sin.repeat(n, 1))


def picture_rotary(height: int, width: int, head: int, device: torch.device) -> Rotary:
    """Rotary positions of a picture, row by row: half of the pairs turn with y, half with x."""
    n = head // 4
    speeds = ROTARY_BASE ** (-torch.arange(n, device=device) / n)
    y = torch.arange(height, device=device)[:, None, None] * speeds  # [H, 1, n]
    x = torch.arange(width, device=device)[None, :, None] * speeds  # [1, W, n]
    sides = [y.expand(height, width, n), x.expand(height, width, n)]
    angles = torch.cat(sides, dim=-1).flatten(0, 1)  # [H W, head / 2]
    return Rotary(angles.cos(), angles.sin())


@dataclass(frozen=True)
class KeysValues:
    """Keys and values of all reference tokens, each [B, heads, M N, head]."""

    keys: Tensor
    values: Tensor


class ReferenceBlock(nn.Module):
    """Self-attention within each frame, attention to all references, MLP (S1 section 3.2).

    A reference width of 0 makes a block without the middle part.

    The references are a set: their tokens carry the position in the picture and no number, so
    that any count in any order will do. Their keys and values depend on nothing else and are
    computed once per session.
    """

    def __init__(self, width: int, reference_width: int, head: int, mlp_ratio: int) -> None:
        super().__init__()
        if width % head or head % 4:
            raise ValueError(
                f"fusion_head={head}: must be a multiple of 4 that divides the width {width}"
            )
        self.n_heads = width // head
        self.self_norm, self.mlp_norm = RmsNorm(width), RmsNorm(width)
        self.self_qkv = nn.Linear(width, 3 * width, bias=False)
        self.self_out = nn.Linear(width, width)
        if reference_width:
            self.cross_norm = RmsNorm(width)
            self.reference_norm = RmsNorm(reference_width)
            self.query = nn.Linear(width, width, bias=False)
            self.reference_kv = nn.Linear(reference_width, 2 * width, bias=False)
            self.cross_out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, mlp_ratio * width),
            nn.GELU(approximate="tanh"),
            nn.Linear(mlp_ratio * width, width),
        )

    def read(self, tokens: Tensor, rotary: Rotary) -> KeysValues:
        """Keys and values of reference tokens [B, M, N, C], N in the order of `rotary`."""
        n_references = tokens.shape[1]
        keys, values = self.reference_kv(self.reference_norm(tokens)).chunk(2, dim=-1)
        keys, values = (self._heads(part.flatten(1, 2)) for part in (keys, values))
        return KeysValues(rotary.repeated(n_references).turn(keys), values)

    def forward(self, x: Tensor, references: KeysValues | None, rotary: Rotary) -> Tensor:
        """Frames of tokens [B, T, N, C] -> the same shape; without references no cross part."""
        n_batch, n_steps = x.shape[:2]
        rows = x.flatten(0, 1)  # [B T, N, C]
        parts = self.self_qkv(self.self_norm(rows)).chunk(3, dim=-1)
        q, k, v = (self._heads(part) for part in parts)
        seen = functional.scaled_dot_product_attention(rotary.turn(q), rotary.turn(k), v)
        rows = rows + self.self_out(self._joined(seen))
        x = rows.unflatten(0, (n_batch, n_steps))
        if references is not None:
            x = x + self._look_at(x, references, rotary)
        return x + self.mlp(self.mlp_norm(x))

    def _look_at(self, x: Tensor, references: KeysValues, rotary: Rotary) -> Tensor:
        n_steps = x.shape[1]
        q = self._heads(self.query(self.cross_norm(x)).flatten(1, 2))  # [B, heads, T N, head]
        q = rotary.repeated(n_steps).turn(q)
        seen = functional.scaled_dot_product_attention(q, references.keys, references.values)
        out: Tensor = self.cross_out(self._joined(seen))
        return out.unflatten(1, (n_steps, -1))

    def _heads(self, x: Tensor) -> Tensor:
        """[B, N, C] -> [B, heads, N, head]."""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)

    def _joined(self, x: Tensor) -> Tensor:
        """[B, heads, N, head] -> [B, N, C]."""
        return x.transpose(1, 2).flatten(2)
