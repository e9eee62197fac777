"""The latched status of an avatar, from what the screen shows."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from std_msgs.msg import Header as HeaderMsg

from talking_portrait_ros import msg
from talking_portrait_ros.ros.conversions import time_to_msg
from talking_portrait_ros.screen.presented import Presented

WATCHED_PERIODS = 50
MISSES_ALLOWED = 5


class StatusKeeper:
    """Publishes a state when it changes, and only then."""

    def __init__(self, publisher: Any) -> None:
        """Publish on `publisher`."""
        self._publisher = publisher
        self._state = ""
        self._epoch = 0
        self._recent: deque[bool] = deque(maxlen=WATCHED_PERIODS)

    def show(self, period: Presented, speaking: bool, utterance: int) -> None:
        """One frame period was shown."""
        self._recent.append(period.on_time or period.kind == "eased")
        n_missed = self._recent.count(False)
        detail = ""
        if period.kind == "eased":
            state = msg.Status.FLUSHED
        elif n_missed > MISSES_ALLOWED:
            state = msg.Status.DEGRADED
            detail = f"{n_missed} of the last {len(self._recent)} frames were not there in time"
        else:
            state = msg.Status.SPEAKING if speaking else msg.Status.IDLE
        self.change(state, detail, period.header.epoch, utterance, period.header.stamp_ns)

    def change(
        self, state: str, detail: str, epoch: int, utterance: int = 0, media_ns: int = 0
    ) -> None:
        """Publish `state` if it is another one than before."""
        if (state, epoch) == (self._state, self._epoch):
            return
        self._state, self._epoch = state, epoch
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
