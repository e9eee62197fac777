"""The node `partner`: what the person in front says, from a file or a microphone of its own.

Any other sender of `AudioChunk` on `partner_audio` may take its place.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from threading import Event, Thread

from talking_portrait_ros import msg
from talking_portrait_ros.audio.held import HeldSource
from talking_portrait_ros.audio.pacing import PacedAudio, PacingConfig
from talking_portrait_ros.audio.source import Source
from talking_portrait_ros.config import param
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.avatar_node import AvatarNode, AvatarParameters
from talking_portrait_ros.ros.outlets import ChunkOutlet
from talking_portrait_ros.ros.partner_input import TOPIC
from talking_portrait_ros.ros.process import run_node


@dataclass(frozen=True)
class PartnerParameters(AvatarParameters, PacingConfig):
    """Where the partner's sound comes from, and how it is paced."""

    source: str = param("mic", "file or mic", choices=("file", "mic"))
    file: str = param("", "sound file or video, for source=file")
    device: str = param("", "number or part of the name of the microphone; empty: the default")
    wait_for_face_s: float = param(
        20.0, "a file waits until a face is on the screen; 0: it does not",
        minimum=0.0, maximum=600.0, unit="s",
    )  # fmt: skip


class PartnerNode(AvatarNode[PartnerParameters]):
    """Sends the partner's sound without a pause, silence where there is none.

    A flush does not concern it: it voids what the robot says, not what the person says.
    """

    def __init__(self, defaults: PartnerParameters | None = None) -> None:
        """Prepare."""
        super().__init__("partner", defaults or PartnerParameters())
        self._source: Source | None = None
        self._paced: PacedAudio | None = None
        self._stop = Event()

    def configure(self) -> None:
        """Open the source, offer the topic."""
        self._source = open_source(self.config.source, self.config.file, self.config.device)
        self._outlet = ChunkOutlet(self, "audio", TOPIC)
        self.subscribe(msg.Status, "status", self._hear_status, qos.LATCHED)

    def activate(self) -> None:
        """Start to send."""
        assert self._source is not None
        self._held = HeldSource(self._source, endless=True, on_failure=self.report)
        if self.config.source == "mic" or not self.config.wait_for_face_s:
            self._held.release()
        self._release_at_s = time.monotonic() + self.config.wait_for_face_s
        self._paced = PacedAudio(self._held, self.config)
        self._stop.clear()
        self._thread = Thread(target=self._run, args=(self._paced,), name="pacing", daemon=True)
        self._thread.start()

    def deactivate(self) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join()
        self._paced = None

    def cleanup(self) -> None:
        """Close the source."""
        if self._source is not None:
            self._source.close()
        self._source = None

    def vitals(self) -> dict[str, str]:
        """What the pacing counted."""
        counts = vars(self._paced.counts) if self._paced else {}
        return {"source": self.config.source, **{k: str(v) for k, v in counts.items()}}

    def _run(self, paced: PacedAudio) -> None:
        try:
            for chunk in paced.run(self._stop):
                self._outlet.publish(chunk)
                if time.monotonic() > self._release_at_s:
                    self._held.release()
        except Exception as error:
            self.fail(error)

    def _hear_status(self, status: msg.Status) -> None:
        if status.state in (msg.Status.IDLE, msg.Status.SPEAKING, msg.Status.DEGRADED):
            self._held.release()


def open_source(kind: str, file: str, device: str) -> Source:
    """A sound file or a microphone.

    Raises:
        ValueError: it cannot be opened.
    """
    if kind == "file":
        from talking_portrait_ros.audio.files import FileSource

        return FileSource(file)
    from talking_portrait_ros.audio.microphone import MicSource

    return MicSource(device)


def main() -> int:
    """Run the node; the exit code."""
    return run_node(PartnerNode)


if __name__ == "__main__":
    sys.exit(main())
