"""Walks back from noise to clean data along a velocity field."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]  # (z, t) -> dz/dt; t is a scalar tensor


def euler(velocity: Velocity, noise: Tensor, times: Tensor) -> Tensor:
    """Euler steps from `noise` at times[0] to times[-1]; as many evaluations as steps."""
    z = noise
    for now, then in zip(times[:-1], times[1:], strict=True):
        z = z + (then - now) * velocity(z, now)
    return z


def guided(with_condition: Tensor, without: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance (Ho and Salimans 2022): 1 is the conditional field alone."""
    return without + scale * (with_condition - without)
