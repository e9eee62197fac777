"""The latched status of an avatar, from what the screen shows."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import Header as HeaderMsg

from talking_portrait_ros import msg
from talking_portrait_ros.ros.conversions import time_to_msg
from talking_portrait_ros.screen.presented import Presented

WATCHED_PERIODS = 50
MISSES_ALLOWED = 5
BRIDGED_PERIODS = 10
MAX_STAGES = 16  # names come from messages
BRIDGING = "no frames come: the face rests until they do"


class StatusKeeper:
    """Publishes a state when it changes, and only then."""

    def __init__(self, publisher: Any) -> None:
        """Publish on `publisher`."""
        self._publisher = publisher
        self._known: tuple[str, str, int] = ("", "", 0)
        self._recent: deque[bool] = deque(maxlen=WATCHED_PERIODS)
        self._without = 0  # periods in a row
        self._rungs: dict[str, str] = {}

    def hear_rung(self, rung: DiagnosticStatus) -> None:
        """A stage has stepped down, or up again."""
        is_full = rung.level == DiagnosticStatus.OK
        if rung.name in self._rungs or len(self._rungs) < MAX_STAGES:
            self._rungs[rung.name] = "" if is_full else f"{rung.name}: {rung.message}"

    def show(self, period: Presented, speaking: bool, utterance: int) -> None:
        """One frame period was shown."""
        self._recent.append(period.on_time or period.kind == "eased")
        self._without = self._without + 1 if period.kind in ("bridged", "eased") else 0
        n_missed = self._recent.count(False)
        rungs = "; ".join(filter(None, self._rungs.values()))
        reason = detail = ""
        if self._without > BRIDGED_PERIODS:
            state, reason = msg.Status.DEGRADED, BRIDGING
        elif period.kind == "eased":
            state = msg.Status.FLUSHED
        elif rungs:
            state, reason = msg.Status.DEGRADED, rungs
        elif n_missed > MISSES_ALLOWED:
            state = msg.Status.DEGRADED
            detail = f"{n_missed} of the last {len(self._recent)} frames were not there in time"
        else:
            state = msg.Status.SPEAKING if speaking else msg.Status.IDLE
        epoch, media_ns = period.header.epoch, period.header.stamp_ns
        self.change(state, detail or reason, epoch, utterance, media_ns, reason)

    def change(
        self,
        state: str,
        detail: str,
        epoch: int,
        utterance: int = 0,
        media_ns: int = 0,
        reason: str = "",
    ) -> None:
        """Publish `state` if it, or its `reason`, is another one than before."""
        if (state, reason, epoch) == self._known:
            return
        self._known = (state, reason, epoch)
        self._publisher.publish(
            msg.Status(
                header=HeaderMsg(stamp=time_to_msg(time.time_ns())),
                state=state,
                detail=detail,
                epoch=epoch,
                utterance=utterance,
                media_time=time_to_msg(media_ns),
            )
        )
