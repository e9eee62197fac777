"""Figures of a stretch of frame periods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from talking_portrait_ros.ros.probe import ShownFrame

NS_PER_MS = 1e6
NS_PER_S = 1e9
DRAWN_MS = 1.0  # less work than this, and the frames node has repeated a picture,
REPEATED_NS = 2 * 40_000_000  # which is so much older at most


def intervals_ms(shown: Sequence[ShownFrame]) -> NDArray[np.float64]:
    """Between one period and the next, [n - 1]."""
    return np.diff([s.screen_ns for s in shown]) / NS_PER_MS


def lags_ms(shown: Sequence[ShownFrame]) -> NDArray[np.float64]:
    """Age of what is seen: of the capture of the last sample under the picture, [<= n].

    A picture that is held gets older; a face at rest is of no age.
    """
    lags, captured_ns = [], None
    for period in shown:
        if period.is_own:
            is_drawn = period.work_ms.get("frames", np.inf) > DRAWN_MS
            captured_ns = period.captured_ns - (0 if is_drawn else REPEATED_NS)
        if captured_ns is not None and period.state != "eased":
            lags.append((period.screen_ns - captured_ns) / NS_PER_MS)
    return np.array(lags)


def settled_after_s(shown: Sequence[ShownFrame], from_ns: int, n_calm: int = 25) -> float:
    """From `from_ns` to the first of `n_calm` periods in a row with their own frame in time.

    Infinite where there is none.
    """
    run: list[ShownFrame] = []
    for period in (s for s in shown if s.screen_ns >= from_ns):
        run = [*run, period] if period.state == "shown" else []
        if len(run) >= n_calm:
            return (run[0].screen_ns - from_ns) / NS_PER_S
    return float("inf")
