"""The node `recorder`: what crosses the boundaries between stages, to a folder of rosbag2."""

from __future__ import annotations

import sys
import time
from collections import deque
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from std_srvs.srv import Trigger

from talking_portrait_ros.config import param
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.avatar_node import AvatarNode, AvatarParameters
from talking_portrait_ros.ros.bag import TOPICS, BagWriter, check_new_folder
from talking_portrait_ros.ros.boundaries import MAY_BE_SILENT, topics_of
from talking_portrait_ros.ros.process import run_node

LOOK_S = 0.05
FLUSH_S = 5.0
LATCHED = ("references", "rungs")
LATCHED_KEPT = 16


@dataclass(frozen=True)
class RecorderParameters(AvatarParameters):
    """What is recorded, and where to."""

    boundaries: tuple[str, ...] = param(
        ("audio",), "what to record: audio, features, latents, frames"
    )
    output: str = param("", "folder to make for the recording")
    seconds: float = param(
        0.0, "how long to record; 0: until the end", minimum=0.0, maximum=86_400.0, unit="s"
    )
    wait_s: float = param(
        60.0, "how long to wait for the avatar", minimum=0.0, maximum=86_400.0, unit="s"
    )


class RecorderNode(AvatarNode[RecorderParameters]):
    """Waits until all topics flow, has the avatar begin a new epoch, and records from there.

    So every state of the recorded avatar begins inside the recording, and a replay can begin
    with the same states.
    """

    def __init__(self, defaults: RecorderParameters | None = None) -> None:
        """Prepare."""
        super().__init__("recorder", defaults or RecorderParameters())
        self._bag: BagWriter | None = None
        self._stop = Event()
        self._lock = Lock()

    def configure(self) -> None:
        """Listen."""
        self._topics_recorded = topics_of(self.config.boundaries)
        check_new_folder(self.config.output)
        self._heard: set[str] = set()
        self._latched: deque[tuple[str, bytes]] = deque(maxlen=LATCHED_KEPT)
        self._preset, self._first_epoch = "", 0
        self._flush = self.create_client(Trigger, "flush")
        for topic in self._topics_recorded:
            kind, profile = TOPICS[topic]
            self.subscribe(
                kind, topic, self._keeper(topic), profile, raw=True, always=topic in LATCHED
            )
        self.subscribe(DiagnosticArray, "/diagnostics", self._hear_diagnostics, qos.EVENTS)

    def activate(self) -> None:
        """Begin to wait."""
        self._stop.clear()
        self._thread = Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def deactivate(self) -> None:
        """Finish the recording."""
        self._stop.set()
        self._thread.join()
        with self._lock:
            bag, self._bag = self._bag, None
            if bag is None:
                return
            bag.close(first_epoch=str(self._first_epoch), preset=self._preset)
        counts = ", ".join(f"{topic} {n}" for topic, n in bag.n_messages.items())
        self.get_logger().info(f"recorded in {self.config.output}: {counts}")

    def cleanup(self) -> None:
        """Forget the service."""
        self.destroy_client(self._flush)

    def vitals(self) -> dict[str, str]:
        """Messages per topic."""
        bag = self._bag
        return {
            f"recorded_{topic}": str(n) for topic, n in (bag.n_messages if bag else {}).items()
        }

    def _run(self) -> None:
        """The recorder's thread."""
        try:
            self._wait_for_topics()
            if self._stop.is_set():
                return
            self._begin()
            self._first_epoch = self._flushed()
            self.get_logger().info(f"recording, from epoch {self._first_epoch} on")
            self._stop.wait(self.config.seconds or None)
            if not self._stop.is_set():
                self.exit_code = 0
        except Exception as error:
            self.fail(error)

    def _wait_for_topics(self) -> None:
        limit_s = time.monotonic() + self.config.wait_s
        needed = set(self._topics_recorded) - set(MAY_BE_SILENT)
        while (missing := needed - self._heard) and not self._stop.wait(LOOK_S):
            if time.monotonic() > limit_s:
                raise ValueError(
                    f"nothing came on {', '.join(sorted(missing))} in {self.config.wait_s:g} s; "
                    "start the avatar, in this namespace"
                )

    def _begin(self) -> None:
        """Open the folder; what is latched comes first."""
        with self._lock:
            namespace = self.get_namespace()
            self._bag = BagWriter(self.config.output, self._topics_recorded, namespace)
            for topic, data in self._latched:
                self._bag.write(topic, data, self.now_ns())

    def _flushed(self) -> int:
        """The epoch that the avatar has begun.

        Raises:
            ValueError: the audio node does not answer.
        """
        answered = Event()
        future = self._flush.call_async(Trigger.Request())
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(FLUSH_S) or not future.result().success:
            raise ValueError("flush: the audio node did not answer; is it active?")
        return int(future.result().message.split()[-1])

    def _keeper(self, topic: str) -> Any:
        def keep(data: bytes) -> None:
            self._heard.add(topic)
            with self._lock:
                if self._bag is not None:
                    self._bag.write(topic, data, self.now_ns())
                elif topic in LATCHED:
                    self._latched.append((topic, data))

        return keep

    def _hear_diagnostics(self, report: DiagnosticArray) -> None:
        """The preset of the stages beside."""
        mine = self.get_namespace().rstrip("/")
        for status in report.status:
            if status.name.rpartition("/")[0] == mine:
                found = {pair.key: pair.value for pair in status.values}
                self._preset = found.get("preset", self._preset)


def main() -> int:
    """Run the node; the exit code."""
    return run_node(RecorderNode)


if __name__ == "__main__":
    sys.exit(main())
