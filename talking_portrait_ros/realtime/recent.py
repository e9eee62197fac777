"""Step times and rates over the recent past, for diagnostics."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np

PERCENTILES = (50, 95)


class RecentTimes:
    """The last `n` times of one kind. Written by one thread, read by any."""

    def __init__(self, n: int = 500) -> None:
        """Nothing yet."""
        self._values_ms: deque[float] = deque(maxlen=n)

    def add(self, ms: float) -> None:
        """One more time."""
        self._values_ms.append(ms)

    def percentiles(self) -> dict[str, float]:
        """p50 and p95; NaN where there are no times."""
        values_ms = list(self._values_ms)
        if not values_ms:
            return {f"p{q}": float("nan") for q in PERCENTILES}
        found = np.percentile(values_ms, PERCENTILES)
        return {f"p{q}": float(value) for q, value in zip(PERCENTILES, found, strict=True)}


class RecentRate:
    """Events per second over the last `n` events."""

    def __init__(self, n: int = 50, now_s: Callable[[], float] = time.monotonic) -> None:
        """Nothing yet."""
        self._times_s: deque[float] = deque(maxlen=n)
        self._now_s = now_s

    def tick(self) -> None:
        """One event now."""
        self._times_s.append(self._now_s())

    @property
    def per_second(self) -> float:
        """Events per second; falls towards 0 when they cease."""
        times_s = list(self._times_s)
        if len(times_s) < 2:
            return 0.0
        period_s = (times_s[-1] - times_s[0]) / (len(times_s) - 1)
        silent_s = self._now_s() - times_s[-1]
        return 1.0 / max(period_s, silent_s, 1e-9)
