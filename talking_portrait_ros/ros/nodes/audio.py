"""The node `audio`: the clock master. Sound from a file, a microphone, texts or a topic."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

from std_msgs.msg import String, UInt32
from std_srvs.srv import Trigger

from talking_portrait_ros import msg
from talking_portrait_ros.audio.held import HeldSource
from talking_portrait_ros.audio.pacing import PacedAudio, PacingConfig
from talking_portrait_ros.audio.queued import QueueSource, SpeechSource
from talking_portrait_ros.audio.source import Source
from talking_portrait_ros.config import param
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.avatar_node import AvatarNode, AvatarParameters
from talking_portrait_ros.ros.conversions import audio_from_msg
from talking_portrait_ros.ros.outlets import ChunkOutlet
from talking_portrait_ros.ros.process import run_node

PUSHED_START_MS = 40.0  # what a pushed stream gathers after a pause, so that jitter makes no gaps
STEADY_POLLS = 4  # 50 ms apart, that must find the graph there before the clock starts


@dataclass(frozen=True)
class AudioParameters(AvatarParameters, PacingConfig):
    """Where the sound comes from, and how it is paced."""

    source: str = param(
        "topic",
        "file; mic; say: the parameter text, then the topic say; topic: audio_in and say",
        choices=("file", "mic", "say", "topic"),
    )
    file: str = param("", "sound file or video, for source=file")
    device: str = param("", "number or part of the name of the microphone; empty: the default")
    text: str = param("", "what to say first, for source=say")
    voice: str = param("en-us", "espeak-ng voice")
    speed_wpm: int = param(170, "speed of speech", minimum=80, maximum=450, unit="words/min")
    exit_at_end: bool = param(False, "end the stream after the file or the text")
    wait_for_face_s: float = param(
        20.0,
        "file and text wait until a face is on the screen, so that no word is lost; 0: do not",
        minimum=0.0, maximum=600.0, unit="s",
    )  # fmt: skip
    tail_ms: int = param(
        600, "silence after a source that ends", minimum=0, maximum=10_000, unit="ms"
    )


class AudioNode(AvatarNode[AudioParameters]):
    """Sends sound without a pause, silence while its source has nothing, so that a face idles."""

    def __init__(self, defaults: AudioParameters | None = None) -> None:
        """Prepare."""
        super().__init__("audio", defaults or AudioParameters())
        self._source: Source | None = None
        self._paced: PacedAudio | None = None
        # The clock's second, so that a node that is started anew begins with a higher epoch.
        self.raise_epoch(int(time.time()))
        self._stop = Event()

    def configure(self) -> None:
        """Open the source, offer the topics."""
        self._source = self._opened()
        self._outlet = ChunkOutlet(self, "audio")
        self._epochs = self.advertise(UInt32, "epoch", qos.LATCHED)
        self._flush_service = self.create_service(Trigger, "flush", self._flush)
        self.subscribe(msg.Status, "status", self._hear_status, qos.LATCHED)
        if isinstance(self._source, QueueSource):
            self.subscribe(msg.AudioChunk, "audio_in", self._push, qos.PUSHED)
            self.subscribe(String, "say", self._say, qos.EVENTS)

    def activate(self) -> None:
        """Start the clock."""
        assert self._source is not None
        self.raise_epoch(self.epoch + 1)
        endless = not self.config.exit_at_end
        self._held = HeldSource(self._source, endless, on_failure=self.report)
        waits = self.config.source in ("file", "say") and self.config.wait_for_face_s > 0
        if not waits:
            self._held.release()
        self._release_at_s = time.monotonic() + self.config.wait_for_face_s
        self._paced = PacedAudio(self._held, self.config, epoch=self.epoch)
        self._stop.clear()
        self._thread = Thread(target=self._run, args=(self._paced,), name="pacing", daemon=True)
        self._thread.start()

    def deactivate(self) -> None:
        """Stop the clock."""
        self._stop.set()
        self._thread.join()
        self._paced = None

    def cleanup(self) -> None:
        """Close the source."""
        if self._source is not None:
            self._source.close()
            self.destroy_service(self._flush_service)
        self._source = None

    def on_new_epoch(self) -> None:
        """Drop what is still to be said."""
        if self._paced is not None:
            self._paced.flush(self.epoch)

    def vitals(self) -> dict[str, str]:
        """What the pacing counted."""
        counts = vars(self._paced.counts) if self._paced else {}
        return {"source": self.config.source, **{k: str(v) for k, v in counts.items()}}

    def _opened(self) -> Source:
        config = self.config
        if config.source == "file":
            from talking_portrait_ros.audio.files import FileSource

            return FileSource(config.file)
        if config.source == "mic":
            from talking_portrait_ros.audio.microphone import MicSource

            return MicSource(config.device)
        gather_ms = PUSHED_START_MS if config.source == "topic" else 0.0
        speech = SpeechSource(voice=config.voice, speed_wpm=config.speed_wpm, start_ms=gather_ms)
        if config.source == "say":
            speech.say(config.text)
            if config.exit_at_end:
                speech.end()
        return speech

    def _run(self, paced: PacedAudio) -> None:
        """The clock's thread. It waits for the stages to be loaded before it starts the clock."""
        try:
            n_seen = 0
            while not (self._held.released or n_seen == STEADY_POLLS or self._stop.wait(0.05)):
                n_seen = n_seen + 1 if self._graph_is_there() else 0
                self._release_when_late()
            for chunk in paced.run(self._stop):
                self._outlet.publish(chunk)
                self._release_when_late()
        except Exception as error:
            self.fail(error)

    def _graph_is_there(self) -> bool:
        """True once there is a screen, and what it and the stages wait for is made by somebody.

        Nodes offer their topics when their models are loaded and warm. A node's topics become
        known one by one.
        """
        awaited = [topic for topic in ("features", "latents", "frames") if self._awaited(topic)]
        return "frames" in awaited and all(self.count_publishers(topic) for topic in awaited)

    def _awaited(self, topic: str) -> bool:
        """True where somebody hears a topic that needs it; a screen does without features."""
        listeners = self.get_subscriptions_info_by_topic(topic)
        return any(topic == "frames" or of.node_name != "screen" for of in listeners)

    def _release_when_late(self) -> None:
        if not self._held.released and time.monotonic() > self._release_at_s:
            self.warn_once("no face came to the screen in time: speaking without one")
            self._held.release()

    def _hear_status(self, status: msg.Status) -> None:
        if status.state in (msg.Status.IDLE, msg.Status.SPEAKING, msg.Status.DEGRADED):
            self._held.release()

    def _push(self, message: msg.AudioChunk) -> None:
        assert isinstance(self._source, QueueSource)
        try:
            chunk = audio_from_msg(message)
            self._source.push(chunk.samples, chunk.sample_rate_hz)
        except ValueError as error:
            self.refuse(error)

    def _say(self, message: String) -> None:
        assert isinstance(self._source, SpeechSource)
        try:
            self._source.say(message.data)
        except ValueError as error:
            self.refuse(error)

    def _flush(self, _request: Any, response: Any) -> Any:
        """Barge-in: everything said so far is void, in every node at once."""
        response.success = self.working
        response.message = "the node is not active"
        if self.working:
            self.raise_epoch(self.epoch + 1)
            self._epochs.publish(UInt32(data=self.epoch))
            response.message = f"epoch {self.epoch}"
        return response


def main() -> int:
    """Run the node; the exit code."""
    return run_node(AudioNode)


if __name__ == "__main__":
    sys.exit(main())
