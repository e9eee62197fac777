"""Chance for clips: every choice has its own stream, so none depends on the others.

A curve over frames does not depend on how many of its frames are asked for.
"""

from __future__ import annotations

import zlib

import numpy as np

from talking_portrait_ros.chunks import F32


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """The generator of one choice of one clip."""
    words = [zlib.crc32(name.encode()) if isinstance(name, str) else name for name in names]
    return np.random.default_rng([seed, *words])


def wander(generator: np.random.Generator, n_frames: int, period_frames: float) -> F32:
    """A smooth curve within -1..1, [n_frames]: a cubic B-spline with random knots."""
    phase = generator.uniform()
    at = np.arange(n_frames) / period_frames + phase
    knots = generator.uniform(-1, 1, int(at[-1]) + 5 if n_frames else 5)
    first = at.astype(np.int64)
    t = at - first
    weights = (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    )
    total = sum(weight * knots[first + k] for k, weight in enumerate(weights))
    return np.asarray(total, np.float32)
