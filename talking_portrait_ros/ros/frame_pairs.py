"""Pictures and their companions, joined again by their stamp."""

from __future__ import annotations

from sensor_msgs.msg import Image

from talking_portrait_ros import msg
from talking_portrait_ros.chunks import FrameChunk
from talking_portrait_ros.ros.conversions import frame_from_msgs, time_from_msg

MAX_WAITING = 32


class FramePairs:
    """Holds what came first until its other half comes; a bounded number of each."""

    def __init__(self) -> None:
        """Nothing waits."""
        self._infos: dict[int, msg.FrameInfo] = {}
        self._images: dict[int, Image] = {}

    def add_info(self, info: msg.FrameInfo) -> FrameChunk | None:
        """The frame that is complete now; ValueError for a picture that does not fit."""
        if not info.n_frames:
            return frame_from_msgs(info, None)
        stamp_ns = time_from_msg(info.header.stamp)
        image = self._images.pop(stamp_ns, None)
        if image is not None:
            return frame_from_msgs(info, image)
        self._infos[stamp_ns] = info
        _forget_oldest(self._infos)
        return None

    def add_image(self, image: Image) -> FrameChunk | None:
        """The frame that is complete now; ValueError for a picture that does not fit."""
        stamp_ns = time_from_msg(image.header.stamp)
        info = self._infos.pop(stamp_ns, None)
        if info is not None:
            return frame_from_msgs(info, image)
        self._images[stamp_ns] = image
        _forget_oldest(self._images)
        return None


def _forget_oldest(waiting: dict[int, msg.FrameInfo] | dict[int, Image]) -> None:
    if len(waiting) > MAX_WAITING:
        del waiting[next(iter(waiting))]  # not the lowest stamp: one from the future would stay
