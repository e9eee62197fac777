"""Recordings: folders in the format of rosbag2, so that `ros2 bag` reads them too.

The bytes on the wire are stored as they are; our message definitions come from the built package.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_share_directory
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader, ReaderError, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore
from sensor_msgs.msg import Image

from talking_portrait_ros import msg
from talking_portrait_ros.ros import qos

PACKAGE = "talking_portrait_ros"
FORMAT = 9  # of rosbag2's metadata
TOPICS: dict[str, tuple[type, QoSProfile]] = {
    "audio": (msg.AudioChunk, qos.STREAM),
    "partner_audio": (msg.AudioChunk, qos.STREAM),
    "features": (msg.FeatureChunk, qos.STREAM),
    "latents": (msg.LatentBlock, qos.STREAM),
    "frames": (Image, qos.FRAMES),
    "frames/info": (msg.FrameInfo, qos.STREAM),
    "references": (msg.References, qos.LATCHED),
    "rungs": (DiagnosticStatus, qos.RUNGS),
}
"""What can be recorded, with the type and quality of service."""


def type_name(kind: type) -> str:
    """A message type as rosbag2 names it: "std_msgs/msg/Header"."""
    package, folder, _ = kind.__module__.split(".", 2)
    return f"{package}/{folder}/{kind.__name__}"


def our_types() -> Typestore:
    """The usual message types and those of this package."""
    store = get_typestore(Stores.ROS2_KILTED)
    for file in Path(get_package_share_directory(PACKAGE), "msg").glob("*.msg"):
        store.register(get_types_from_msg(file.read_text(), f"{PACKAGE}/msg/{file.stem}"))
    return store


class BagWriter:
    """A recording that grows; use `close`."""

    def __init__(self, folder: str | Path, topics: Collection[str], namespace: str) -> None:
        """Create `folder` for `topics` of the avatar in `namespace`.

        Raises:
            ValueError: it is there already, or cannot be made.
        """
        self._notes = {"namespace": namespace}
        self.n_messages = dict.fromkeys(topics, 0)
        self._writer = Writer(
            check_new_folder(folder), version=FORMAT, storage_plugin=StoragePlugin.MCAP
        )
        self._writer.open()
        types = our_types()
        self._connections = {
            topic: self._writer.add_connection(
                f"{namespace.rstrip('/')}/{topic}", type_name(TOPICS[topic][0]), typestore=types
            )
            for topic in topics
        }

    def write(self, topic: str, data: bytes, arrived_ns: int) -> None:
        """Store one message, serialised."""
        self._writer.write(self._connections[topic], arrived_ns, data)
        self.n_messages[topic] += 1

    def close(self, **notes: str) -> None:
        """Finish the recording with these notes in its metadata."""
        for key, value in {**self._notes, **notes}.items():
            self._writer.set_custom_data(key, value)
        self._writer.close()


@dataclass(frozen=True)
class Recorded:
    """One message of a recording, with the time at which it had arrived."""

    topic: str
    arrived_ns: int
    message: Any


class Bag:
    """A recording to read.

    Attributes:
        path: its folder.
        topics: those that hold a message and are ours.
        first_epoch: messages of lower ones are left out.
        preset: of the avatar that was recorded; empty where it is not known.
    """

    def __init__(self, folder: str | Path) -> None:
        """Open for a look.

        Raises:
            ValueError: there is no recording, or none of ours in it.
        """
        self.path = Path(folder)
        with self._opened() as reader:
            notes = reader.storage.metadata.custom or {}
            self._namespace = str(notes.get("namespace", "/")).rstrip("/")
            self.topics = tuple(self._connections(reader))
        self.first_epoch = int(notes.get("first_epoch", 0))
        self.preset = str(notes.get("preset", ""))
        if not self.topics:
            raise ValueError(f"recording={str(self.path)!r} holds no topic of an avatar")

    def messages(self, topics: Collection[str]) -> Iterator[Recorded]:
        """Those of `topics` in order of arrival, void ones left out."""
        with self._opened() as reader:
            connections = self._connections(reader)
            names = {connections[topic].id: topic for topic in topics if topic in connections}
            chosen = [connection for connection in reader.connections if connection.id in names]
            for connection, arrived_ns, data in reader.messages(chosen) if chosen else ():
                topic = names[connection.id]
                message = deserialize_message(bytes(data), TOPICS[topic][0])
                if getattr(message, "epoch", self.first_epoch) >= self.first_epoch:
                    yield Recorded(topic, arrived_ns, message)

    def _connections(self, reader: Reader) -> dict[str, Connection]:
        """Those that hold a message of ours, by topic."""
        by_name = {c.topic: c for c in reader.connections if c.msgcount}
        found = {topic: by_name.get(f"{self._namespace}/{topic}") for topic in TOPICS}
        return {
            topic: connection for topic, connection in found.items()
            if connection is not None and connection.msgtype == type_name(TOPICS[topic][0])
        }  # fmt: skip

    def _opened(self) -> Reader:
        try:
            return Reader(self.path)
        except (ReaderError, OSError) as error:
            raise ValueError(
                f"recording={str(self.path)!r}: {error}; give a folder that "
                "`talking-portrait record` or `ros2 bag record` has written"
            ) from error


def check_new_folder(folder: str | Path) -> Path:
    """`folder`, if a recording can be made there.

    Raises:
        ValueError: it is there already, or its parent is not.
    """
    path = Path(folder)
    if path.exists():
        raise ValueError(f"output={str(folder)!r} is there already; choose another name")
    if not path.resolve().parent.is_dir():
        raise ValueError(f"output={str(folder)!r}: the folder around it does not exist; create it")
    return path
