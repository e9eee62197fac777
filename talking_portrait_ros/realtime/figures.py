"""The figures of a session, as the screen sees it: the five latencies, never mixed."""

from __future__ import annotations

from typing import Any

from talking_portrait_ros.realtime.latency import LatencyHistogram
from talking_portrait_ros.screen.presented import KINDS, Kind, Presented
from talking_portrait_ros.timebase import NS_PER_S, Timebase

NS_PER_MS = 1_000_000
MAX_STAGES = 16  # names come from messages


class SessionStatistics:
    """Collects one session, period by period, in constant memory.

    Attributes:
        mouth_to_pixel: time on the screen minus capture of the frame's last sample, of frames
            shown in their own period.
        stages: chunk time, the time that each stage spent on a frame, by stage name.
        first_frame_ms: from the capture of the first sample of the session to the first frame.
        algorithmic_ms: lookahead and block fill, as the stages state them.
    """

    def __init__(self, timebase: Timebase | None = None, algorithmic_ms: float = 0.0) -> None:
        """Start a session of a stream with these rates."""
        self.mouth_to_pixel = LatencyHistogram()
        self.stages: dict[str, LatencyHistogram] = {}
        self.first_frame_ms = 0.0
        self.periods: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        self._timebase = timebase or Timebase()
        self.algorithmic_ms = algorithmic_ms
        self._on_time = 0
        self._shown_ns: tuple[int, int] | None = None

    def add(self, period: Presented, shown_ns: int) -> None:
        """Count one period that was on the screen at `shown_ns`."""
        first_ns = shown_ns if self._shown_ns is None else self._shown_ns[0]
        if self._shown_ns is None and period.frame is not None:
            begun_ns = period.header.stamp_ns - period.frame * self._timebase.frame_ns
            self.first_frame_ms = (shown_ns - begun_ns) / NS_PER_MS
        self._shown_ns = (first_ns, shown_ns)
        self.periods[period.kind] += 1
        self._on_time += period.on_time
        if period.kind == "own":
            self.mouth_to_pixel.add((shown_ns - period.captured_ns) / NS_PER_MS)
            for stage, ms in period.header.ledger.entries:
                if stage in self.stages or len(self.stages) < MAX_STAGES:
                    self.stages.setdefault(stage, LatencyHistogram()).add(ms)

    @property
    def frames(self) -> int:
        """Periods shown, of whatever kind."""
        return sum(self.periods.values())

    @property
    def fps(self) -> float:
        """Periods per second; 0 before the second one."""
        first_ns, last_ns = self._shown_ns or (0, 0)
        return (self.frames - 1) * NS_PER_S / (last_ns - first_ns) if last_ns > first_ns else 0.0

    @property
    def deadline_miss_rate(self) -> float:
        """Share of the periods whose own frame was not shown in time; flushes do not count."""
        counted = self.frames - self.periods["eased"]
        return 1 - self._on_time / counted if counted else 0.0

    def to_dict(self) -> dict[str, Any]:
        """For JSON; milliseconds."""
        stages = {name: histogram.summary().to_dict() for name, histogram in self.stages.items()}
        return {
            "fps": round(self.fps, 3),
            "frames": self.frames,
            "periods": dict(self.periods),
            "deadline_miss_rate": round(self.deadline_miss_rate, 5),
            "mouth_to_pixel_ms": self.mouth_to_pixel.summary().to_dict(),
            "first_frame_ms": round(self.first_frame_ms, 1),
            "algorithmic_ms": round(self.algorithmic_ms, 3),
            "stages": {
                name: {"p50_ms": found["p50"], "p95_ms": found["p95"], "p99_ms": found["p99"]}
                for name, found in stages.items()
            },
        }
