"""Frames that have arrived and wait for their period, and where they lie in time."""

from __future__ import annotations

from dataclasses import dataclass

from talking_portrait_ros.chunks import U8, Header
from talking_portrait_ros.timebase import NS_PER_S, Timebase

LEAST_CAPACITY = 64
SPARE_MS = 1000
JUMP_NS = NS_PER_S // 2
LATE_FRAMES = 3  # a picture that is later would mislead, unless there are no others


@dataclass(frozen=True)
class Waiting:
    """A frame that has arrived; `header.stamp_ns` is the capture of its own first sample."""

    image: U8
    header: Header
    arrived_ns: int


class JitterBuffer:
    """Frames of one stream by index. Bounded: beyond its capacity the oldest is dropped.

    There is room for the frames that wait through the longest delay, and for 64 in any case.
    """

    def __init__(self, timebase: Timebase, max_delay_ms: float = 0.0) -> None:
        """An empty buffer for a delay of at most `max_delay_ms`."""
        self._timebase = timebase
        self.make_room(max_delay_ms)
        self._frames: dict[int, Waiting] = {}
        self._late: tuple[int, Waiting] | None = None
        self._line: tuple[int, int] | None = None  # a frame and the capture of its last sample

    def make_room(self, max_delay_ms: float) -> None:
        """Let the delay be `max_delay_ms` at most, from now on."""
        waiting = int((max_delay_ms + SPARE_MS) * self._timebase.fps / 1000)
        self._capacity = max(LEAST_CAPACITY, waiting)

    def capture_ns(self, frame: int) -> int:
        """Capture of the last sample under `frame`, reckoned from the newest frame."""
        at, captured_ns = self._line or (0, 0)
        return captured_ns + (frame - at) * self._timebase.frame_ns

    def place(self, frame: int, waiting: Waiting) -> bool:
        """Note where `frame` lies in time; False where that contradicts the frames before it.

        Index and time then belong to another stream: a source that was started anew.
        """
        captured_ns = waiting.header.stamp_ns + self._timebase.frame_ns
        same = self._line is None or abs(self.capture_ns(frame) - captured_ns) <= JUMP_NS
        self._line = (frame, captured_ns)
        return same

    def keep(self, frame: int, waiting: Waiting) -> int:
        """Keep a frame for its period; returns how many older ones were dropped for it."""
        self._frames[frame] = waiting
        if len(self._frames) <= self._capacity:
            return 0
        del self._frames[min(self._frames)]
        return 1

    def keep_late(self, frame: int, waiting: Waiting) -> None:
        """Keep a frame whose period has passed, if it is the newest of its kind."""
        if self._late is None or frame > self._late[0]:
            self._late = (frame, waiting)

    def take(self, frame: int) -> Waiting | None:
        """The frame of that index."""
        return self._frames.pop(frame, None)

    def take_late(self) -> tuple[int, Waiting] | None:
        """The newest frame that came too late, with its index, since this was last asked."""
        late, self._late = self._late, None
        return late

    def peek(self, frame: int) -> Waiting | None:
        """The frame of that index, which stays."""
        return self._frames.get(frame)

    def clear(self) -> None:
        """Forget the stream: frames and line."""
        self._frames.clear()
        self._late = self._line = None
