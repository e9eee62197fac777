"""The motion of a frame as the network has it: whitened principal components.

Of the 58 numbers some never move, some move together, and some matter more to the eye. So they
are weighted, and their principal components are brought to spread 1: noise is then as large as
the data in every direction, and the squared error, weighted with `counts`, is that of the motion.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from talking_portrait_ros.spaces import MOTION_NAMES, MOTION_WIDTH

_LEAST_SPREAD = 1e-3  # below, a number is one that never moves
_LEAST_VARIANCE = 1e-4  # of a component, share of the largest
_IMPORTANCE = {"jawOpen": 16.0, "mouth": 2.0, "eyeBlink": 1.5, "eyeLook": 0.5, "head": 2.0}


def importance() -> Tensor:
    """How much an error of each number counts, in units of its spread, [58]."""
    found = [
        next((value for start, value in _IMPORTANCE.items() if name.startswith(start)), 1.0)
        for name in MOTION_NAMES
    ]
    return torch.tensor(found)


class MotionCodes(nn.Module):
    """`motion/arkit-1` to codes and back, both affine."""

    mean: Tensor
    enter: Tensor
    leave: Tensor
    counts: Tensor

    def __init__(self, n_codes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(MOTION_WIDTH))
        self.register_buffer("enter", 0.1 * torch.randn(MOTION_WIDTH, n_codes))
        self.register_buffer("leave", 0.1 * torch.randn(n_codes, MOTION_WIDTH))
        self.register_buffer("counts", torch.ones(n_codes))

    def encode(self, motion: Tensor) -> Tensor:
        """[..., 58] -> [..., K]."""
        return (motion - self.mean) @ self.enter

    def decode(self, codes: Tensor) -> Tensor:
        """[..., K] -> [..., 58]."""
        return self.mean + codes @ self.leave

    @torch.no_grad()
    def fit(self, motion: Tensor) -> None:
        """Take mean and components from motion [N, 58]."""
        mean, spread = motion.mean(dim=0), motion.std(dim=0)
        moves = spread > _LEAST_SPREAD
        weight = torch.where(moves, importance().sqrt() / spread.clamp(min=_LEAST_SPREAD), 0.0)
        weighted = ((motion - mean) * weight).double()
        variance, axes = torch.linalg.eigh(weighted.T @ weighted / len(weighted))
        n_codes = min(len(self.counts), len(variance))
        variance, axes = variance.flip(0)[:n_codes], axes.flip(1)[:, :n_codes]
        kept = variance > _LEAST_VARIANCE * variance[0]
        scale = torch.where(kept, variance.clamp(min=1e-12).sqrt(), 0.0)
        inverse = torch.where(kept, 1 / scale.clamp(min=1e-6), 0.0)
        unweighted = torch.where(moves, 1 / weight.clamp(min=1e-6), 0.0)
        for buffer in (self.enter, self.leave, self.counts):
            buffer.zero_()
        self.mean.copy_(mean)
        self.enter[:, :n_codes] = (weight[:, None] * axes * inverse).float()
        self.leave[:n_codes] = ((axes * scale).T * unweighted).float()
        self.counts[:n_codes] = (variance * kept / variance.sum()).float()
