"""Comparing two curves over time: correlation at a lag, best lag, means with intervals.

Sign of a lag, everywhere in this folder: the *lips come later than the sound says* by `lag`.
With lag 2, frame t of what a model makes from the sound is compared with frame t + 2 of the
measured lips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.floating[Any]]  # [T] at the video rate
N_RESAMPLES = 4000


@dataclass(frozen=True)
class Estimate:
    """A mean over clips with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"


def correlation(first: Curve, second: Curve) -> float:
    """Pearson's r; 0 where one of the curves does not move."""
    a, b = first - first.mean(), second - second.mean()
    power = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / power if power > 1e-12 else 0.0


def correlation_at(made: Curve, measured: Curve, lag_frames: int) -> float:
    """Pearson's r of `made[t]` and `measured[t + lag_frames]` over the frames that both have.

    Raises:
        ValueError: fewer than 5 frames in common.
    """
    n = min(len(made), len(measured))
    low, high = max(0, -lag_frames), n - max(0, lag_frames)
    if high - low < 5:
        raise ValueError(f"curves of {n} frames at lag {lag_frames}: fewer than 5 in common")
    return correlation(made[low:high], measured[low + lag_frames : high + lag_frames])


def best_lag(made: Curve, measured: Curve, within_frames: int) -> tuple[int, float]:
    """The lag within +-`within_frames` of highest correlation, and that correlation.

    Among equals the one nearest 0.
    """
    lags = sorted(range(-within_frames, within_frames + 1), key=abs)
    scores = [correlation_at(made, measured, lag) for lag in lags]
    best = int(np.argmax(scores))
    return lags[best], scores[best]


def mean_with_interval(values: Sequence[float], seed: int = 0) -> Estimate:
    """Mean and percentile bootstrap interval (95 %) over clips.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("no clips: nothing to average")
    data = np.asarray(values, np.float64)
    picks = np.random.default_rng(seed).integers(0, len(data), (N_RESAMPLES, len(data)))
    low, high = np.percentile(data[picks].mean(axis=1), [2.5, 97.5])
    return Estimate(float(data.mean()), float(low), float(high), len(data))
