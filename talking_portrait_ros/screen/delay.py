"""How long a frame waits: a playout delay that follows what the arrivals need.

The need of a frame is its arrival minus the capture of its last sample. Of the frames of the last
six seconds the delay in force should cover nineteen of twenty, and together with the grace of a
period all but two stray ones, with a margin. It grows at once, for each growth is a pause in the
speech. It shrinks slowly, and not below what all frames of the last 24 seconds needed: what made
them late, another program or the host of a virtual machine, tends to come again.

What the frames of the first four seconds needed is forgotten then: a pipeline that starts is late
once.
"""

from __future__ import annotations

import heapq
from collections import deque

from talking_portrait_ros.screen.config import ScreenConfig

WINDOW_FRAMES = 150
MEMORY_FRAMES = 600
STRAY_FRAMES = 2
RARE_SHARE = 0.05  # of the frames, that may need the grace; one per block of sixteen is not rare
START_FRAMES = 100
FRESH_FRAMES = 25  # of them, that are not forgotten
SHRINK_STEP_NS = 10_000_000
SHRINK_PAUSE_NS = 200_000_000
FAR_NS = 200_000_000  # an excess that is not borne for long: the pauses are a quarter
NS_PER_MS = 1_000_000


class PlayoutDelay:
    """Says how much longer, or shorter, the delay in force should be."""

    def __init__(self, config: ScreenConfig) -> None:
        """Take the bounds from `config`."""
        self._required_ns = 0
        self.set_bounds(config)
        self._margin_ns = int(config.margin_ms * NS_PER_MS)
        self._grace_ns = int(config.grace_ms * NS_PER_MS)
        self._needs: deque[int] = deque(maxlen=MEMORY_FRAMES)
        self._starting = True
        self._shrunk_ns = 0
        self._late_run = 0

    def set_bounds(self, config: ScreenConfig) -> None:
        """Take the bounds from `config`, from now on."""
        self._least_ns = max(int(config.min_delay_ms * NS_PER_MS), self._required_ns)
        self._most_ns = max(int(config.max_delay_ms * NS_PER_MS), self._required_ns)

    def require(self, least_ns: int) -> None:
        """Never be shorter than `least_ns`, for a reason beyond the frames."""
        self._required_ns = max(self._required_ns, least_ns)
        self._least_ns = max(self._least_ns, least_ns)
        self._most_ns = max(self._most_ns, least_ns)

    def arrived(self, need_ns: int, late: bool) -> None:
        """A frame arrived `need_ns` after the capture of its last sample.

        Args:
            need_ns: the delay that would just have sufficed.
            late: whether its period had begun without it.
        """
        self._needs.append(need_ns)
        self._late_run = self._late_run + 1 if late else 0
        if self._starting and len(self._needs) == START_FRAMES:
            self._starting = False
            self._needs = deque(list(self._needs)[-FRESH_FRAMES:], MEMORY_FRAMES)

    @property
    def target_ns(self) -> int:
        """The delay that the arrivals of the last six seconds ask for."""
        newest = self._newest()
        n_rare = max(STRAY_FRAMES, int(RARE_SHARE * len(newest)))
        largest = heapq.nlargest(n_rare + 1, newest)
        if not largest:
            return self._bounded(0)
        rare_ns = largest[min(STRAY_FRAMES, len(largest) - 1)]
        return self._bounded(max(largest[-1], rare_ns - self._grace_ns))

    def growth_ns(self, in_force_ns: int) -> int:
        """What the delay lacks; 0 where at most stray frames are late.

        Two late frames in a row are no strays: waiting for a third would be one more miss.
        """
        goal_ns = self.target_ns
        if self._late_run > 1:
            last_two = list(self._needs)[-2:]
            goal_ns = max(goal_ns, *(self._bounded(need - self._grace_ns) for need in last_two))
        return max(0, goal_ns - in_force_ns)

    def shrink_ns(self, in_force_ns: int, now_ns: int, quiet: bool) -> int:
        """What to take away in this frame period: at most 10 ms, every 0.2 s or in silence."""
        if self._starting:
            return 0
        kept_ns = max(self.target_ns, self._bounded(max(self._needs) - self._grace_ns))
        excess_ns = in_force_ns - kept_ns
        pause_ns = SHRINK_PAUSE_NS // 4 if excess_ns > FAR_NS else SHRINK_PAUSE_NS
        rested = quiet or now_ns - self._shrunk_ns >= pause_ns
        if excess_ns < self._margin_ns or not rested:
            return 0
        self._shrunk_ns = now_ns
        return min(excess_ns, SHRINK_STEP_NS)

    def _bounded(self, need_ns: int) -> int:
        """`need_ns` with the margin, within the bounds.

        Bounds give way where the clocks disagree: frames that arrive before their capture are not
        held back, and where every frame needs more than the upper bound, a late face is better
        than none.
        """
        wanted_ns = need_ns + self._margin_ns
        if wanted_ns < 0:
            return wanted_ns
        soonest_ns = min(self._newest(), default=0) + self._margin_ns
        return min(max(wanted_ns, self._least_ns), max(self._most_ns, soonest_ns))

    def _newest(self) -> list[int]:
        """What the frames of the last six seconds needed."""
        return list(self._needs)[-WINDOW_FRAMES:]
