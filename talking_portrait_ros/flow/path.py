"""The straight path from clean data to noise.

Convention of the whole project, fixed here once:

    t in [0, 1];  t = 0 is clean, t = 1 is noise
    z(t) = (1 - t) clean + t noise
    velocity = dz/dt = noise - clean

(Liu et al. 2023, "Flow straight and fast", with time turned round; S1 section 3.3 writes the same
target.) Times are tensors that broadcast against the data.
"""

from __future__ import annotations

from torch import Tensor


def between(clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """z(t)."""
    return (1 - t) * clean + t * noise


def velocity_of(clean: Tensor, noise: Tensor) -> Tensor:
    """What a velocity network is taught."""
    return noise - clean


def clean_from_velocity(z: Tensor, velocity: Tensor, t: Tensor) -> Tensor:
    """Where the path through z(t) with this velocity begins."""
    return z - t * velocity


def velocity_from_clean(z: Tensor, clean: Tensor, t: Tensor) -> Tensor:
    """The velocity from z(t), t > 0, to `clean`: for networks that predict clean data."""
    return (z - clean) / t
