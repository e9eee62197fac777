"""Rotary positions of tokens in time and picture (3-D RoPE)."""

from __future__ import annotations

import torch
from torch import Tensor

from talking_portrait_ros.nn.attention import ROTARY_BASE, Rotary

REFERENCE_STEP = -1  # when references are seen: just before the window, all at once


def video_rotary(steps: Tensor, side: int, head: int) -> Rotary:
    """Rotary positions of latent steps [S] of side x side tokens each, row by row.

    Of the channel pairs of a head, three eighths turn with y, as many with x, the rest with time.
    """
    n_pairs = head // 2
    n_space = 3 * n_pairs // 8
    n_time = n_pairs - 2 * n_space
    t = steps.to(torch.float32)[:, None, None, None] * _speeds(n_time, steps)
    along = torch.arange(side, dtype=torch.float32, device=steps.device)
    y = along[None, :, None, None] * _speeds(n_space, steps)
    x = along[None, None, :, None] * _speeds(n_space, steps)
    size = (len(steps), side, side)
    parts = [part.expand(*size, part.shape[-1]) for part in (t, y, x)]
    angles = torch.cat(parts, dim=-1).flatten(0, 2)  # [S side side, head / 2]
    return Rotary(angles.cos(), angles.sin())


def reference_rotary(n: int, side: int, head: int, device: torch.device) -> Rotary:
    """Rotary positions of `n` references: a set, so all have the same."""
    return video_rotary(torch.full((n,), REFERENCE_STEP, device=device), side, head)


def _speeds(n: int, like: Tensor) -> Tensor:
    return ROTARY_BASE ** (-torch.arange(n, dtype=torch.float32, device=like.device) / max(n, 1))
