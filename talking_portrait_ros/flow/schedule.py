"""Which times along the path are visited, and which are taught."""

from __future__ import annotations

import torch
from torch import Tensor


def shifted(t: Tensor, shift: float) -> Tensor:
    """Times moved towards the noise: shift t / (1 + (shift - 1) t); 1 changes nothing.

    High-dimensional data keeps its coarse structure up to late times, which a shift above 1 gives
    more steps (Esser et al. 2024, section 5.3.2). Ends stay in place.
    """
    return shift * t / (1 + (shift - 1) * t)


def times_down(n_steps: int, shift: float = 1.0) -> Tensor:
    """The n_steps + 1 times from noise (1) to clean (0).

    Raises:
        ValueError: no step at all, or a shift that is not positive.
    """
    if n_steps < 1:
        raise ValueError(f"n_steps={n_steps}: at least 1")
    if not shift > 0:
        raise ValueError(f"shift={shift}: must be above 0")
    return shifted(torch.linspace(1, 0, n_steps + 1), shift)


def drawn_times(n: int, shift: float, generator: torch.Generator) -> Tensor:
    """`n` times to teach at: logit-normal, most in the middle, then shifted."""
    middle = torch.sigmoid(torch.randn(n, generator=generator, device=generator.device))
    return shifted(middle, shift)
