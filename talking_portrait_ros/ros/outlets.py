"""How each kind of chunk leaves a node: which topics, which messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from builtin_interfaces.msg import Time
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header as HeaderMsg

from talking_portrait_ros import msg
from talking_portrait_ros.chunks import U8, Chunk, FrameChunk
from talking_portrait_ros.ros import conversions as convert
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.avatar_node import AvatarNode
from talking_portrait_ros.screen.presented import Presented

JPEG_QUALITY = 90
TIMING_STATES = {
    "own": msg.FrameTiming.SHOWN,
    "blended": msg.FrameTiming.EASED,
    "late": msg.FrameTiming.MISSED,
    "held": msg.FrameTiming.REPEATED,
    "bridged": msg.FrameTiming.EASED,
    "inserted": msg.FrameTiming.REPEATED,
    "eased": msg.FrameTiming.EASED,
}


@dataclass(frozen=True)
class Wire:
    """One topic of chunks: its message and both conversions."""

    kind: type
    to_msg: Callable[[Any], Any]
    from_msg: Callable[[Any], Chunk]


WIRES = {
    "audio": Wire(msg.AudioChunk, convert.audio_to_msg, convert.audio_from_msg),
    "features": Wire(msg.FeatureChunk, convert.features_to_msg, convert.features_from_msg),
    "latents": Wire(msg.LatentBlock, convert.latents_to_msg, convert.latents_from_msg),
}


class Outlet(Protocol):
    """Where chunks of one kind go."""

    def publish(self, chunk: Any) -> None:
        """Send one chunk."""
        ...


class ChunkOutlet:
    """Sound, features or latents: one message per chunk."""

    def __init__(self, node: AvatarNode[Any], kind: str, topic: str = "") -> None:
        """Advertise a topic for chunks of a kind; it is called like the kind if not otherwise."""
        self._to_msg = WIRES[kind].to_msg
        self._publisher = node.advertise(WIRES[kind].kind, topic or kind, qos.STREAM)

    def publish(self, chunk: Chunk) -> None:
        """Send one chunk, if anybody listens."""
        if self._publisher.get_subscription_count():
            self._publisher.publish(self._to_msg(chunk))


class FramesOutlet:
    """Frames: a picture, its companion, and a JPEG where somebody wants one."""

    def __init__(self, node: AvatarNode[Any], frame_ns: int) -> None:
        """Advertise `frames`, `frames/info` and `frames/compressed`."""
        self._frame_ns = frame_ns
        self._infos = node.advertise(msg.FrameInfo, "frames/info", qos.STREAM)
        self._images = node.advertise(Image, "frames", qos.FRAMES)
        self._jpegs = node.advertise(CompressedImage, "frames/compressed", qos.FRAMES)

    def publish(self, chunk: FrameChunk) -> None:
        """Send every frame of the chunk."""
        for index, (info, image) in enumerate(convert.frames_to_msgs(chunk, self._frame_ns)):
            self._infos.publish(info)
            if image is None:
                continue
            self._images.publish(image)
            if self._jpegs.get_subscription_count():
                self._jpegs.publish(jpeg_to_msg(chunk.frames[index], image.header.stamp))


def timing_to_msg(period: Presented, shown_ns: int) -> msg.FrameTiming:
    """What became of one frame period that was on the screen at `shown_ns`."""
    state = TIMING_STATES[period.kind]
    if period.kind == "own" and not period.on_time:
        state = msg.FrameTiming.MISSED
    return msg.FrameTiming(
        header=HeaderMsg(stamp=convert.time_to_msg(period.header.stamp_ns)),
        epoch=period.header.epoch,
        frame=period.frame or 0,
        screen_time=convert.time_to_msg(shown_ns),
        mouth_to_pixel_ms=(shown_ns - period.captured_ns) / 1e6,
        ledger=convert.ledger_to_msg(period.header.ledger),
        state=state,
    )


def jpeg_to_msg(picture: U8, stamp: Time) -> CompressedImage:
    """A picture as JPEG."""
    import cv2

    blue_first = np.ascontiguousarray(picture[..., ::-1])
    _, encoded = cv2.imencode(".jpg", blue_first, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return CompressedImage(header=HeaderMsg(stamp=stamp), format="jpeg", data=encoded.tobytes())
