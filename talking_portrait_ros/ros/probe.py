"""A node that looks at an avatar from outside: what is shown, heard and said, and when.

It also speaks, flushes, and hands out publishers for messages that no decent node would send.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import ExternalShutdownException, ShutdownException
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger

from talking_portrait_ros import msg
from talking_portrait_ros.chunks import F32, U8, AudioChunk, Header
from talking_portrait_ros.ros import conversions as convert
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.executor import make_executor
from talking_portrait_ros.ros.process import set_environment

PICTURES_KEPT = 50
STREAMS: dict[str, tuple[type, QoSProfile]] = {
    "audio": (msg.AudioChunk, qos.STREAM),
    "features": (msg.FeatureChunk, qos.STREAM),
    "latents": (msg.LatentBlock, qos.STREAM),
    "frames": (Image, qos.FRAMES),
    "frames/compressed": (CompressedImage, qos.FRAMES),
}


@dataclass(frozen=True)
class ShownFrame:
    """One frame period, as `screen/timing` tells it.

    Attributes:
        screen_ns: when the screen showed it.
        arrived_ns: when the message came here.
        epoch: of the stream.
        frame: its index.
        state: a constant of FrameTiming.
        captured_ns: capture time of the last sample under it.
        work_ms: time that each stage spent on it.
    """

    screen_ns: int
    arrived_ns: int
    epoch: int
    frame: int
    state: str
    captured_ns: int
    work_ms: dict[str, float]

    @property
    def is_own(self) -> bool:
        """True where a frame of the stream was seen, in time or not."""
        return self.state in (msg.FrameTiming.SHOWN, msg.FrameTiming.MISSED)


@dataclass(frozen=True)
class HeardSound:
    """One chunk of `screen/audio`: samples [n] from `first_sample` on."""

    arrived_ns: int
    epoch: int
    first_sample: int
    samples: F32


@dataclass(frozen=True)
class SaidStatus:
    """One message of `status`."""

    arrived_ns: int
    state: str
    detail: str


@dataclass(frozen=True)
class Flush:
    """One call of the service: when it was sent and answered, and the epoch that it began."""

    sent_ns: int
    answered_ns: int
    epoch: int


class Probe:
    """Hears one avatar. Lists grow for as long as it lives; use as a context manager."""

    def __init__(self, namespace: str, domain: int) -> None:
        """Join the avatar in `namespace` of ROS domain `domain`."""
        set_environment()
        self.shown: list[ShownFrame] = []
        self.heard: list[HeardSound] = []
        self.said: list[SaidStatus] = []
        self.drawing_ms: list[tuple[int, float]] = []  # when a frame came, and the work on it
        self.pictures: deque[tuple[int, U8]] = deque(maxlen=PICTURES_KEPT)
        self.vitals: dict[str, dict[str, str]] = {}
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context, domain_id=domain)
        self.node = rclpy.create_node("probe", namespace=namespace, context=self._context)
        self._hear_all()
        self._pushed = self.publisher(msg.AudioChunk, "audio_in", qos.PUSHED)
        self._flush = self.node.create_client(Trigger, "flush")
        self._position = 0
        self._executor = make_executor(self._context)
        self._executor.add_node(self.node)
        self._thread = Thread(target=self._spin, name="probe", daemon=True)
        self._thread.start()

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *exc: object) -> None:
        self._context.try_shutdown()
        self._thread.join(5)
        self._executor.shutdown()
        self.node.destroy_node()  # and the DDS participant, to which others would go on sending

    def publisher(self, kind: type, topic: str, profile: QoSProfile) -> Publisher[Any]:
        """A publisher of the probe's own."""
        return self.node.create_publisher(kind, topic, profile)

    def hear(self, kind: type, topic: str, callback: Callable[[Any], None]) -> Subscription[Any]:
        """A subscription of the probe's own."""
        return self.node.create_subscription(kind, topic, callback, qos.STREAM)

    def hear_topic(self, topic: str, callback: Callable[[Any], None]) -> Subscription[Any]:
        """A subscription to one of an avatar's own topics, with its type and quality."""
        kind, profile = STREAMS[topic]
        return self.node.create_subscription(kind, topic, callback, profile)

    def forget(self, *topics: Publisher[Any] | Subscription[Any]) -> None:
        """Close them, in the executor's own thread: it must not be waiting for them."""
        closed = Event()

        def close() -> None:
            for topic in topics:
                if isinstance(topic, Publisher):
                    self.node.destroy_publisher(topic)
                else:
                    self.node.destroy_subscription(topic)
            closed.set()

        self._executor.create_task(close)
        closed.wait(5)

    def see_pictures(self) -> None:
        """Keep the newest pictures of the screen, with the time at which they were shown."""
        self.node.create_subscription(Image, "screen/frames", self._keep_picture, qos.FRAMES)

    def push(self, samples: F32, sample_rate_hz: int) -> None:
        """Say `samples` [n] after what is already queued."""
        chunk = AudioChunk(Header(), samples, sample_rate_hz, self._position)
        self._position += len(samples)
        self._pushed.publish(convert.audio_to_msg(chunk))

    def flush(self, timeout_s: float = 5.0) -> Flush:
        """Interrupt the avatar.

        Raises:
            ValueError: nobody answers.
        """
        answered = Event()
        times_ns = []

        def done(_future: Any) -> None:
            times_ns.append(time.time_ns())
            answered.set()

        if not self._flush.wait_for_service(timeout_s):
            raise ValueError("flush: there is no such service; the audio node is not there")
        sent_ns = time.time_ns()
        future = self._flush.call_async(Trigger.Request())
        future.add_done_callback(done)
        if not answered.wait(timeout_s) or not future.result().success:
            raise ValueError("flush: the audio node did not answer")
        return Flush(sent_ns, times_ns[0], int(future.result().message.split()[-1]))

    def _hear_all(self) -> None:
        node = self.node
        node.create_subscription(msg.FrameTiming, "screen/timing", self._keep_shown, qos.STREAM)
        node.create_subscription(msg.AudioChunk, "screen/audio", self._keep_heard, qos.STREAM)
        node.create_subscription(msg.FrameInfo, "frames/info", self._keep_drawing, qos.STREAM)
        node.create_subscription(msg.Status, "status", self._keep_said, qos.LATCHED)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._keep_vitals, qos.EVENTS)

    def _keep_shown(self, timing: msg.FrameTiming) -> None:
        screen_ns = convert.time_from_msg(timing.screen_time)
        captured_ns = screen_ns - int(timing.mouth_to_pixel_ms * 1e6)
        work_ms = {entry.stage: entry.ms for entry in timing.ledger}
        self.shown.append(
            ShownFrame(screen_ns, time.time_ns(), timing.epoch, timing.frame, timing.state,
                       captured_ns, work_ms)
        )  # fmt: skip

    def _keep_drawing(self, info: msg.FrameInfo) -> None:
        """Those too that come too late for the screen."""
        work_ms = sum(entry.ms for entry in info.ledger if entry.stage == "frames")
        self.drawing_ms.append((time.time_ns(), work_ms))

    def _keep_heard(self, chunk: msg.AudioChunk) -> None:
        samples = np.array(convert.tensor_from_msg(chunk.samples))
        self.heard.append(HeardSound(time.time_ns(), chunk.epoch, chunk.first_sample, samples))

    def _keep_said(self, status: msg.Status) -> None:
        self.said.append(SaidStatus(time.time_ns(), status.state, status.detail))

    def _keep_picture(self, image: Image) -> None:
        shown_ns = convert.time_from_msg(image.header.stamp)
        self.pictures.append((shown_ns, convert.image_from_msg(image)))

    def _keep_vitals(self, report: DiagnosticArray) -> None:
        for status in report.status:
            self.vitals[status.name] = {pair.key: pair.value for pair in status.values}

    def _spin(self) -> None:
        with suppress(ExternalShutdownException, ShutdownException):
            self._executor.spin()
