"""The picture on the screen: what stands in for a frame that is not there, and soft resumes.

A frame or two are held or blended. Where none comes for longer, or a flush has made the last one
void, the face goes to rest: it must neither freeze with an open mouth nor turn black.
"""

from __future__ import annotations

import cv2
import numpy as np

from talking_portrait_ros.chunks import F32, U8, Ledger
from talking_portrait_ros.screen.jitter import JitterBuffer, Waiting
from talking_portrait_ros.screen.presented import Kind
from talking_portrait_ros.screen.rest import RestingFace

EASE_FRAMES = 2
HOLD_FRAMES = 2  # longer without a frame, the face goes to rest
LACKING_FRAMES = 25
REST_FRAMES = 2  # that it takes to get there


class Picture:
    """The frame that is seen. After a pause of two periods or more, the next one is faded in."""

    def __init__(self, first: Waiting) -> None:
        """Before its first period the screen holds `first`."""
        self._seen = first
        self._frame = -1
        self._paused = 0
        self._before: U8 | None = None
        self._ease_left = 0
        self._rest = RestingFace()
        self._rest_left = REST_FRAMES

    @property
    def frame(self) -> int:
        """Index of the frame that is seen; -1 where it is of an earlier stream."""
        return self._frame

    @property
    def lacks_frames(self) -> bool:
        """True where none has been in time for a second or so."""
        return self._paused >= LACKING_FRAMES

    @property
    def arrived_ns(self) -> int:
        """When the frame that is seen arrived."""
        return self._seen.arrived_ns

    @property
    def ledger(self) -> Ledger:
        """The ledger of the frame that is seen."""
        return self._seen.header.ledger

    def new_stream(self) -> None:
        """Indices start anew; the next frame is faded in."""
        self._frame, self._paused = -1, EASE_FRAMES

    def pause(self) -> None:
        """A period passed without a frame."""
        self._paused += 1

    def heard(self, sound: F32) -> None:
        """The own frame of a period is seen with this sound [n]: is it a face at rest?"""
        self._rest.see(self._seen.image, sound)

    def relax(self) -> None:
        """Go a step towards the face at rest."""
        if self._rest.image is None or not self._rest_left:
            return
        image = mixed(self._seen.image, self._rest.image, 1 / self._rest_left)
        self._seen = Waiting(image, self._seen.header, self._seen.arrived_ns)
        self._rest_left -= 1

    def draw(self, frame: int, buffer: JitterBuffer) -> Kind:
        """Choose what is seen in the period of `frame`."""
        own, late, following = buffer.take(frame), buffer.take_late(), buffer.peek(frame + 1)
        if own is not None:
            if self._paused >= EASE_FRAMES:
                self._before, self._ease_left = self._seen.image, EASE_FRAMES
            self._seen, self._frame, self._paused = own, frame, 0
            self._rest_left = REST_FRAMES
            return "own"
        self.pause()
        if following is not None:
            image = mixed(self._seen.image, following.image, 0.5)
            self._seen = Waiting(image, self._seen.header, self._seen.arrived_ns)
            return "blended"
        if late is not None:
            self._frame, self._seen = late
            self._rest_left = REST_FRAMES
            return "late"
        if self._paused <= HOLD_FRAMES:
            return "held"
        self.relax()
        return "bridged"

    def image(self) -> U8:
        """The picture of this period; to be called once in each."""
        if not self._ease_left or self._before is None:
            return self._seen.image
        weight = self._ease_left / (EASE_FRAMES + 1)
        self._ease_left -= 1
        return mixed(self._before, self._seen.image, 1 - weight)


def mixed(before: U8, after: U8, weight: float) -> U8:
    """`weight` of `after` and the rest of `before`; `after` where their sizes differ."""
    if before.shape != after.shape:
        return after
    return np.asarray(cv2.addWeighted(before, 1 - weight, after, weight, 0), np.uint8)
