"""Latencies as percentiles, in constant memory however long a session runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEAST_MS = 0.01
RATIO = 1.01
N_BINS = 1900  # up to 1.6e6 ms


@dataclass(frozen=True)
class LatencySummary:
    """Percentiles of one latency, milliseconds; zeros where nothing was counted."""

    count: int
    p50: float
    p95: float
    p99: float
    largest: float

    def to_dict(self) -> dict[str, float]:
        """For JSON."""
        return {"count": self.count, "p50": self.p50, "p95": self.p95, "p99": self.p99,
                "max": self.largest}  # fmt: skip


class LatencyHistogram:
    """Counts latencies in bins that are 1 % wide, so that a percentile is right within 0.5 %.

    Anything below 0.01 ms, negative numbers included (clocks of two machines), is in the first
    bin and reads as 0.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._bins = np.zeros(N_BINS, np.int64)
        self._largest = 0.0

    def add(self, ms: float) -> None:
        """Count one latency of `ms`."""
        self._bins[self._bin(ms)] += 1
        self._largest = max(self._largest, ms)

    @property
    def count(self) -> int:
        """How many were counted."""
        return int(self._bins.sum())

    def percentile(self, percent: float) -> float:
        """The latency that `percent` of those counted do not exceed, milliseconds."""
        count = self.count
        if not count:
            return 0.0
        rank = max(1, int(np.ceil(percent / 100 * count)))
        found = int(np.searchsorted(np.cumsum(self._bins), rank))
        middle = LEAST_MS * RATIO ** (found - 0.5)
        return min(middle, self._largest) if found else 0.0

    def summary(self) -> LatencySummary:
        """p50, p95, p99 and the largest."""
        p50, p95, p99 = (round(self.percentile(p), 3) for p in (50, 95, 99))
        return LatencySummary(self.count, p50, p95, p99, round(self._largest, 3))

    def _bin(self, ms: float) -> int:
        if ms <= LEAST_MS:
            return 0
        return min(N_BINS - 1, 1 + int(np.log(ms / LEAST_MS) / np.log(RATIO)))
