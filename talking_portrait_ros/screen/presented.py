"""What the presenter decides: one frame period, and the counts of a session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from talking_portrait_ros.chunks import F32, U8, AudioChunk, Header

Kind = Literal["own", "blended", "late", "held", "bridged", "inserted", "eased"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Presented:
    """One frame period.

    Attributes:
        kind: own, the frame that belongs here; blended, late, held, three ways to get by without
            it; bridged, no frame has come for longer and the face rests; inserted, a period by
            which the delay grows; eased, between a flush and the first frame of the new epoch.
        image: uint8 RGB [H, W, 3].
        header: media time of the period (capture of its first sample), epoch, and the ledger of
            the frame drawn, its wait on the screen included.
        frame: index of the period's frame; None where the stream stood still.
        captured_ns: capture time of the last sample under the frame.
        due_ns: when the period was to begin.
        on_time: the own frame, shown within its period.
        sound: exactly the samples under the frame, for publication and recording.
        played: what a sound device gets, [n]: the same, stretched as the period is.
        cut: a flush has just come; a sound device drops what it still holds.
    """

    kind: Kind
    image: U8
    header: Header
    frame: int | None
    captured_ns: int
    due_ns: int
    on_time: bool
    sound: AudioChunk | None
    played: F32
    cut: bool = False


@dataclass
class ScreenCounts:
    """Frame periods by kind, and frames that were not shown.

    Attributes:
        periods: how many periods of each kind there were.
        stalled: own frames that the screen itself showed a period or more too late.
        late_dropped: frames that came after their period.
        overflow_dropped: frames dropped because too many waited.
        void_dropped: frames of an epoch that a flush had ended.
        flushes: how often the epoch changed.
    """

    periods: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    stalled: int = 0
    late_dropped: int = 0
    overflow_dropped: int = 0
    void_dropped: int = 0
    flushes: int = 0

    @property
    def shown(self) -> int:
        """Periods in which the own frame was shown in time."""
        return self.periods["own"] - self.stalled

    @property
    def misses(self) -> int:
        """Periods whose own frame was not shown in time; those after a flush do not count."""
        kinds: tuple[Kind, ...] = ("blended", "late", "held", "bridged", "inserted")
        return sum(self.periods[kind] for kind in kinds) + self.stalled

    @property
    def miss_rate(self) -> float:
        """Misses among all periods that had a frame to show, 0..1."""
        return self.misses / max(1, self.misses + self.shown)
