"""Messages that no decent node sends, on the topics of a live avatar.

Each misdeed is a function of a probe and a duration; the table at the end names them. What the
avatar sends itself is their material, so that they differ from good messages in one way only.
"""

from __future__ import annotations

import copy
import os
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import UInt32

from talking_portrait_ros import msg
from talking_portrait_ros.ros import conversions as convert
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.outlets import WIRES
from talking_portrait_ros.ros.probe import Probe

TOPICS: dict[str, type] = {
    **{name: wire.kind for name, wire in WIRES.items()},
    "frames/info": msg.FrameInfo,
    "frames": Image,
}
FLOOD = 10
LATEST_S = 2**31 - 1
HIGHEST = 2**64 - 1

# Topic, message and the newest messages before it: what is published on the topic.
Change = Callable[[str, Any, deque[Any]], list[Any]]


@dataclass(frozen=True)
class Misdeed:
    """One kind of misbehaviour.

    Attributes:
        act: does it to the avatar for some seconds.
        counted_as: counters in /diagnostics of which at least one node must have raised one.
    """

    act: Callable[[Probe, float], None]
    counted_as: tuple[str, ...]


def _altered(*topics: str) -> Callable[[Change], Callable[[Probe, float], None]]:
    """Send every message of `topics` a second time, altered."""

    def decorated(change: Change) -> Callable[[Probe, float], None]:
        def act(probe: Probe, seconds: float) -> None:
            _echo(probe, topics, seconds, change)

        return act

    return decorated


def _echo(probe: Probe, topics: tuple[str, ...], seconds: float, change: Change) -> None:
    """Publish what `change` makes of each message that is heard. Own echoes are not echoed."""
    subscriptions, publishers = [], []
    for topic in topics:
        publisher = probe.publisher(TOPICS[topic], topic, qos.STREAM)
        publishers.append(publisher)
        past: deque[Any] = deque(maxlen=10)

        def heard(
            message: Any, topic: str = topic, publisher: Any = publisher, past: deque[Any] = past
        ) -> None:
            if message.header.frame_id:
                return
            past.append(message)
            for altered in change(topic, copy.deepcopy(message), past):
                altered.header.frame_id = "echo"
                publisher.publish(altered)

        subscriptions.append(probe.hear(TOPICS[topic], topic, heard))
    time.sleep(seconds)
    probe.forget(*subscriptions, *publishers)


@_altered("audio", "features", "latents", "frames/info", "frames")
def twice(topic: str, message: Any, past: deque[Any]) -> list[Any]:
    """Every message again."""
    return [message]


@_altered("audio", "features", "latents", "frames/info", "frames")
def disorder(topic: str, message: Any, past: deque[Any]) -> list[Any]:
    """After each message an earlier one."""
    return [copy.deepcopy(past[0])]


@_altered("features", "latents")
def wrong_space(topic: str, message: Any, past: deque[Any]) -> list[Any]:
    """A space that nobody has."""
    message.space = "video/nobody-1"
    return [message]


@_altered("audio", "features", "latents")
def not_a_number(topic: str, message: Any, past: deque[Any]) -> list[Any]:
    """NaN in the data."""
    tensor = message.samples if topic == "audio" else message.values
    values = np.full(tuple(tensor.shape), np.nan, np.float32)
    tensor.data = convert.tensor_to_msg(values).data
    return [message]


@_altered("audio", "features", "latents", "frames")
def absurd_shape(topic: str, message: Any, past: deque[Any]) -> list[Any]:
    """Sizes that no memory holds, and data that does not fit them."""
    if topic == "frames":
        message.height = message.width = 2**32 - 1
    else:
        tensor = message.samples if topic == "audio" else message.values
        tensor.shape = [2**32 - 1, 2**32 - 1]
    return [message]


@_altered("audio", "features", "latents", "frames/info")
def absurd_place(topic: str, message: Any, past: deque[Any]) -> list[Any]:
    """Positions and stamps at the end of all counting."""
    message.header.stamp.sec = LATEST_S
    place = {"audio": "first_sample", "frames/info": "frame"}.get(topic, "first_frame")
    setattr(message, place, HIGHEST)
    return [message]


@_altered("audio", "features", "latents", "frames/info")
def void_epoch(topic: str, message: Any, past: deque[Any]) -> list[Any]:
    """An epoch that is over."""
    message.epoch -= 1
    return [message]


def other_epoch(probe: Probe, seconds: float) -> None:
    """One message of an epoch that nobody has begun, and one beyond all counting."""
    counted = iter([1000, None])

    def change(topic: str, message: Any, past: deque[Any]) -> list[Any]:
        step = next(counted, 0)
        if step == 0:
            return []
        message.epoch = 2**32 - 1 if step is None else message.epoch + step
        return [message]

    _echo(probe, ("latents",), seconds, change)
    everywhere = probe.publisher(UInt32, "epoch", qos.LATCHED)
    everywhere.publish(UInt32(data=2**32 - 1))
    time.sleep(0.5)
    probe.forget(everywhere)


def two_sources(probe: Probe, seconds: float) -> None:
    """A second source of sound in the same epoch, at other positions."""

    def change(topic: str, message: Any, past: deque[Any]) -> list[Any]:
        message.first_sample += 10_000_000
        return [message]

    _echo(probe, ("audio",), seconds, change)


def flood(probe: Probe, seconds: float) -> None:
    """Ten times as many messages as there is time for, each at a place of its own."""

    def change(topic: str, message: Any, past: deque[Any]) -> list[Any]:
        field = "first_sample" if topic == "audio" else "first_frame"
        copies = [copy.copy(message) for _ in range(FLOOD)]
        for index, each in enumerate(copies):
            setattr(each, field, getattr(message, field) + index * 1_000_000)
        return copies

    _echo(probe, ("audio", "features", "latents"), seconds, change)


def flood_of_sound(probe: Probe, seconds: float) -> None:
    """Sound to be said, ten times faster than it can be, beyond what the queue holds."""
    piece = np.zeros(16_000 * 10, np.float32)
    for _ in range(40):
        probe.push(piece, 16_000)
        time.sleep(seconds / 40)


def other_quality(probe: Probe, seconds: float) -> None:
    """Publishers whose quality of service fits nobody."""
    loose = QoSProfile(
        depth=1, reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.VOLATILE
    )
    publishers = [probe.publisher(kind, topic, loose) for topic, kind in TOPICS.items()]
    time.sleep(seconds)
    probe.forget(*publishers)


def stopped(pid: int) -> Callable[[Probe, float], None]:
    """Process `pid` does not run for a while, and what is sent to it meanwhile is lost."""

    def act(probe: Probe, seconds: float) -> None:
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)

    return act


MISDEEDS: dict[str, Misdeed] = {
    "every message twice": Misdeed(twice, ("repeated",)),
    "messages in disorder": Misdeed(disorder, ("repeated", "jumps")),
    "another latent space": Misdeed(wrong_space, ("refused",)),
    "NaN": Misdeed(not_a_number, ("refused",)),
    "absurd shapes": Misdeed(absurd_shape, ("refused",)),
    "absurd positions and stamps": Misdeed(absurd_place, ("refused",)),
    "an epoch that is over": Misdeed(void_epoch, ("stale",)),
    "an epoch that nobody began": Misdeed(other_epoch, ("refused", "stale")),
    "two sources of sound": Misdeed(two_sources, ("jumps",)),
    "other quality of service": Misdeed(other_quality, ("incompatible_qos",)),
    "flood of messages": Misdeed(flood, ("dropped", "jumps", "lost")),
    "flood of sound": Misdeed(flood_of_sound, ("refused",)),
}
