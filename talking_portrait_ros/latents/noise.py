"""Chance that is a function of its place: the same seed and index give the same number.

So a stream can begin anywhere and be cut anywhere, and nothing has to be remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

_MASK = (1 << 64) - 1
_STEPS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))


@lru_cache(maxsize=512)
def uniform(seed: int, stream: int, index: int) -> float:
    """A number in [0, 1) for one place of one stream (splitmix64)."""
    word = _mix(_mix(_mix(seed & _MASK) ^ stream) ^ (index & _MASK))
    return (word >> 11) * 2.0**-53


def draws(seed: int, stream: int, segment: int) -> Iterator[float]:
    """The endless numbers in [0, 1) of one segment of a stream."""
    key = _mix(_mix(_mix(seed & _MASK) ^ stream) ^ (segment & _MASK))
    index = 0
    while True:
        yield (_mix(key ^ index) >> 11) * 2.0**-53
        index += 1


def smooth_noise(seed: int, stream: int, frame: int, period_frames: int) -> float:
    """A number in -1..1 that wanders: a cubic B-spline with a knot every `period_frames`."""
    knot, rest = divmod(frame, period_frames)
    t = rest / period_frames
    weights = (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    )
    return sum(w * (2 * uniform(seed, stream, knot + k) - 1) for k, w in enumerate(weights))


def _mix(word: int) -> int:
    word = (word + 0x9E3779B97F4A7C15) & _MASK
    for shift, factor in _STEPS:
        word = ((word ^ (word >> shift)) * factor) & _MASK
    return word
