"""The node `replayer`: sends a recording again, and compares what comes of it.

The stages behind the boundary begin the recording with fresh states, as they did when it was
made: before it, its beginning is sent under an epoch of its own until the first picture comes
back, so that nothing is lost while nodes find each other and load.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from talking_portrait_ros import msg
from talking_portrait_ros.config import param
from talking_portrait_ros.ros.avatar_node import AvatarNode, AvatarParameters
from talking_portrait_ros.ros.bag import TOPICS, Bag, Recorded
from talking_portrait_ros.ros.boundaries import BOUNDARIES, topics_until
from talking_portrait_ros.ros.conversions import time_from_msg, time_to_msg
from talking_portrait_ros.ros.picture_digests import (
    PictureEar,
    ScreenEar,
    compared,
    n_steps_down,
    recorded_digests,
)
from talking_portrait_ros.ros.process import run_node

PREPARE_S = 90.0
CALM_S = 1.0
REHEARSED_S = 2.0


@dataclass(frozen=True)
class ReplayerParameters(AvatarParameters):
    """What is sent again."""

    recording: str = param("", "folder of the recording")
    boundary: str = param("latents", "where it is sent in", choices=tuple(BOUNDARIES))
    report: str = param("", "file for what came of it, JSON")


class ReplayerNode(AvatarNode[ReplayerParameters]):
    """Stands for all nodes before the boundary; ends its process when all is sent and drawn."""

    def __init__(self, defaults: ReplayerParameters | None = None) -> None:
        """Prepare."""
        super().__init__("replayer", defaults or ReplayerParameters())
        self._stop = Event()
        self._portrait: msg.References | None = None

    def configure(self) -> None:
        """Open the recording, offer its topics."""
        bag = Bag(self.config.recording)
        lacks = {BOUNDARIES[self.config.boundary][0], "references"} - set(bag.topics)
        if lacks:
            raise ValueError(
                f"recording={self.config.recording!r} lacks {' and '.join(sorted(lacks))}; "
                f"it holds {', '.join(bag.topics)}"
            )
        self._bag, self._portrait = bag, None
        self._sent = tuple(topic for topic in topics_until(self.config.boundary)
                           if topic in bag.topics)  # fmt: skip
        self._outputs = {topic: self.advertise(*_wire(topic)) for topic in self._sent}
        ear = ScreenEar if self.config.boundary == "frames" else PictureEar
        self._ear: PictureEar | ScreenEar = ear(self)

    def activate(self) -> None:
        """Begin."""
        self._stop.clear()
        self._thread = Thread(target=self._run, name="replayer", daemon=True)
        self._thread.start()

    def deactivate(self) -> None:
        """Break off."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        """The replayer's thread."""
        try:
            self._rehearse()
            self.get_logger().info(f"replaying {self.config.recording}")
            self._play(self._bag.messages(self._sent))
            self._wait_until_calm()
            if self._stop.is_set():
                return
            self._tell(self._figures())
            self.exit_code = 0
        except Exception as error:
            self.fail(error)

    def _rehearse(self) -> None:
        """Send the beginning under an epoch before, until a picture comes of it."""
        limit_s = time.monotonic() + PREPARE_S
        while not self._ear.digests and not self._stop.is_set():
            if time.monotonic() > limit_s:
                raise ValueError(f"no picture came of the recording in {PREPARE_S:g} s")
            self._play(self._beginning(), epoch=max(0, self._bag.first_epoch - 1))
        self._wait_until_calm()

    def _beginning(self) -> Iterator[Recorded]:
        first_ns = None
        for item in self._bag.messages(self._sent):
            first_ns = first_ns or item.arrived_ns
            if self._ear.digests or item.arrived_ns - first_ns > REHEARSED_S * 1e9:
                return
            yield item

    def _play(self, items: Iterator[Recorded], epoch: int | None = None) -> None:
        """Send at the pace at which they arrived, moved to the present."""
        moved_ns = None
        for item in items:
            moved_ns = self.now_ns() - item.arrived_ns if moved_ns is None else moved_ns
            wait_ns = item.arrived_ns + moved_ns - self.now_ns()
            if self._stop.wait(max(0.0, wait_ns / 1e9)):
                return
            if item.topic == "references":
                self._send_portrait(item.message)
                continue
            stamp_ns = time_from_msg(item.message.header.stamp) + moved_ns
            item.message.header.stamp = time_to_msg(stamp_ns)
            if epoch is not None and hasattr(item.message, "epoch"):
                item.message.epoch = epoch
            self._outputs[item.topic].publish(item.message)

    def _send_portrait(self, portrait: msg.References) -> None:
        """Send it if it is another one: a state begins anew where a portrait comes in."""
        if portrait != self._portrait:
            self._portrait = portrait
            self._outputs["references"].publish(portrait)

    def _wait_until_calm(self) -> None:
        """Until no picture has come for a second."""
        n_before = -1
        while len(self._ear.digests) != n_before:
            n_before = len(self._ear.digests)
            if self._stop.wait(CALM_S):
                return

    def _figures(self) -> dict[str, int]:
        """What became of the recorded frames, to the last bit where stages have drawn them."""
        expected, found = recorded_digests(self._bag), self._ear.digests
        if isinstance(self._ear, ScreenEar):
            return {"recorded": len(expected), "shown": len(expected.keys() & found.keys())}
        return compared(expected, found) | {"steps_down": n_steps_down(self._bag)}

    def _tell(self, figures: dict[str, int]) -> None:
        self.get_logger().info(", ".join(f"{name} {n}" for name, n in figures.items()))
        if self.config.report:
            Path(self.config.report).write_text(json.dumps(figures))


def _wire(topic: str) -> tuple[Any, ...]:
    """Type, name and quality of service."""
    kind, profile = TOPICS[topic]
    return kind, topic, profile


def main() -> int:
    """Run the node; the exit code."""
    return run_node(ReplayerNode)


if __name__ == "__main__":
    sys.exit(main())
