"""Normalisation of each position by itself, so that no statistics leak through time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-6


class RmsNorm(nn.Module):
    """Root-mean-square normalisation over the last dimension, with a gain per channel."""

    def __init__(self, width: int, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((width,), gain))

    def forward(self, x: Tensor) -> Tensor:
        """[..., C] -> the same shape."""
        weight = self.weight.to(x.dtype)  # of one type with x, it is one kernel
        return functional.rms_norm(x, weight.shape, weight, eps=EPSILON)
