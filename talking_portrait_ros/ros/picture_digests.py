"""Pictures by epoch and frame, as digests, so that two runs can be compared bit by bit."""

from __future__ import annotations

import hashlib
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import Image

from talking_portrait_ros import msg
from talking_portrait_ros.chunks import U8, FrameChunk
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.avatar_node import AvatarNode
from talking_portrait_ros.ros.bag import Bag
from talking_portrait_ros.ros.frame_pairs import FramePairs

Digests = dict[tuple[int, int], bytes]
"""Per epoch and frame."""


def digest(picture: U8) -> bytes:
    """The same for the same pixels [H, W, 3], and, for all practical purposes, only for those."""
    shape = repr(picture.shape).encode()
    return hashlib.blake2b(shape + picture.tobytes(), digest_size=16).digest()


class PictureEar:
    """Hears the pictures of the frames node."""

    def __init__(self, node: AvatarNode[Any]) -> None:
        """Subscribe."""
        self.digests: Digests = {}
        self._pairs = FramePairs()
        node.subscribe(msg.FrameInfo, "frames/info", self._hear_info, qos.STREAM)
        node.subscribe(Image, "frames", self._hear_image, qos.FRAMES)

    def _hear_info(self, info: msg.FrameInfo) -> None:
        _keep(self.digests, self._pairs.add_info(info))

    def _hear_image(self, image: Image) -> None:
        _keep(self.digests, self._pairs.add_image(image))


class ScreenEar:
    """Hears which frames the screen has shown in time; it may have faded them, so no digests."""

    def __init__(self, node: AvatarNode[Any]) -> None:
        """Subscribe."""
        self.digests: Digests = {}
        node.subscribe(msg.FrameTiming, "screen/timing", self._hear_timing, qos.STREAM)

    def _hear_timing(self, timing: msg.FrameTiming) -> None:
        if timing.state == msg.FrameTiming.SHOWN:
            self.digests[timing.epoch, timing.frame] = b""


def recorded_digests(bag: Bag) -> Digests:
    """Those of a recording's own pictures; none where it holds no frames."""
    pairs, digests = FramePairs(), Digests()
    for item in bag.messages(("frames", "frames/info")):
        is_info = item.topic == "frames/info"
        add = pairs.add_info if is_info else pairs.add_image
        _keep(digests, add(item.message))
    return digests


def compared(expected: Digests, found: Digests) -> dict[str, int]:
    """How many of the expected pictures are equal, different, or did not come."""
    both = expected.keys() & found.keys()
    n_equal = sum(expected[place] == found[place] for place in both)
    return {
        "recorded": len(expected),
        "equal": n_equal,
        "different": len(both) - n_equal,
        "missing": len(expected) - len(both),
    }


def n_steps_down(bag: Bag) -> int:
    """How often a stage told that it worked more cheaply than it can."""
    rungs = (item.message for item in bag.messages(("rungs",)))
    return sum(rung.level != DiagnosticStatus.OK for rung in rungs)


def _keep(digests: Digests, frame: FrameChunk | None) -> None:
    if frame is not None and len(frame.frames):
        digests[frame.header.epoch, frame.first_frame] = digest(frame.frames[0])
