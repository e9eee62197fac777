"""The node `screen`: frames and sound to eyes and ears, and what became of them to topics."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import Image

from talking_portrait_ros import msg
from talking_portrait_ros.chunks import AudioChunk, FrameChunk, Header
from talking_portrait_ros.config import param
from talking_portrait_ros.realtime.algorithmic import MAX_MS, ToldDelays
from talking_portrait_ros.realtime.figures import SessionStatistics
from talking_portrait_ros.realtime.mailbox import Mailbox
from talking_portrait_ros.realtime.utterances import Utterances
from talking_portrait_ros.realtime.worker import Worker
from talking_portrait_ros.resources import take_precedence
from talking_portrait_ros.ros import conversions as convert
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.avatar_node import AvatarNode, AvatarParameters
from talking_portrait_ros.ros.frame_pairs import FramePairs
from talking_portrait_ros.ros.outlets import timing_to_msg
from talking_portrait_ros.ros.process import run_node
from talking_portrait_ros.ros.status import StatusKeeper
from talking_portrait_ros.screen.config import MAX_DELAY_MS, ScreenConfig
from talking_portrait_ros.screen.player import Player
from talking_portrait_ros.screen.presented import Presented
from talking_portrait_ros.screen.presenter import Presenter
from talking_portrait_ros.screen.sinks import build_sink, parse_screen
from talking_portrait_ros.screen.speaker import Speaker

BLOCK_WORK = 0.5  # of the fill of a block that its work may take on top
REPORTS_KEPT = 50  # periods that are still to be told to the topics
SHORT_MS = 60.0  # algorithmic delay that is lookahead, not the fill of a block


@dataclass(frozen=True)
class ScreenParameters(AvatarParameters, ScreenConfig):
    """Where the face is shown, and what is reported about it."""

    output: str = param("window", "window, file:PATH or none")
    report: str = param("", "file for the figures of the session, JSON, written at the end")
    exit_at_end: bool = param(True, "end the process after the last frame of a stream that ends")
    algorithmic_ms: float = param(
        0.0,
        "lookahead and block fill of the pipeline, where it is more than its stages tell on "
        "`rungs`: no frame can be shown sooner; max_delay_ms comes on top of it, and with blocks, "
        "whose work comes at once, half of their fill",
        minimum=0.0, maximum=MAX_MS, unit="ms",
    )  # fmt: skip
    realtime_priority: int = param(
        1, "priority among real-time processes, where the system allows any; 0: an ordinary "
        "process. Not with file:PATH, because encoding would take the cores from the others",
        minimum=0, maximum=99,
    )  # fmt: skip

    def timing(self, told_ms: float = 0.0) -> ScreenParameters:
        """The settings, with delays that allow for the pipeline's own.

        Args:
            told_ms: the algorithmic delay that the stages tell.
        """
        algorithmic_ms = min(max(self.algorithmic_ms, told_ms), MAX_MS)
        for_blocks_ms = BLOCK_WORK * max(0.0, algorithmic_ms - SHORT_MS)
        most_ms = self.max_delay_ms + algorithmic_ms + for_blocks_ms
        return self.replace(
            algorithmic_ms=algorithmic_ms,
            min_delay_ms=max(self.min_delay_ms, algorithmic_ms),
            max_delay_ms=min(most_ms, MAX_DELAY_MS),
        )


class ScreenNode(AvatarNode[ScreenParameters]):
    """Feeds the player, and tells each frame period to the topics.

    A thread of its own tells, so that a network that is slow to take a message stops no picture;
    beyond 50 periods the oldest are not told, and counted.
    """

    def __init__(self, defaults: ScreenParameters | None = None) -> None:
        """Prepare."""
        super().__init__("screen", defaults or ScreenParameters())
        self._player: Player | None = None
        self._presenter: Presenter | None = None

    def alone(self) -> None:
        """Let the process, which has no other node, run before ordinary ones.

        The screen needs little, but every 40 ms.
        """
        priority = self.config.realtime_priority
        if not priority or self.config.output.startswith("file:"):
            return
        try:
            take_precedence(priority)
        except PermissionError:
            self.get_logger().info(
                "no real-time priority: the system does not allow it (limits.conf: rtprio), so "
                "frames may come late on a busy machine"
            )

    def configure(self) -> None:
        """Offer and hear the topics."""
        parse_screen(self.config.output)
        self._timings = self.advertise(msg.FrameTiming, "screen/timing", qos.STREAM, free=True)
        self._sound = self.advertise(msg.AudioChunk, "screen/audio", qos.STREAM, free=True)
        self._played = self.advertise(msg.AudioChunk, "screen/played", qos.STREAM, free=True)
        self._status = StatusKeeper(self.advertise(msg.Status, "status", qos.LATCHED, free=True))
        self._pictures = self.advertise(Image, "screen/frames", qos.FRAMES, free=True)
        self._told_delays = ToldDelays()
        self.subscribe(DiagnosticStatus, "rungs", self._hear_rung, qos.RUNGS, always=True)
        self.subscribe(msg.FrameInfo, "frames/info", self._hear_info, qos.STREAM)
        self.subscribe(Image, "frames", self._hear_image, qos.FRAMES)
        self.subscribe(msg.AudioChunk, "audio", self._hear_sound, qos.STREAM)
        self.subscribe(msg.FeatureChunk, "features", self._hear_features, qos.STREAM)

    def activate(self) -> None:
        """Open the screen."""
        config = self.config
        self._pairs, self._utterances = FramePairs(), Utterances()
        timing = config.timing(self._told_delays.total_ms)
        self._statistics = SessionStatistics(config.timebase, timing.algorithmic_ms)
        self._presenter = Presenter(timing)
        self._player = self._joined(self._presenter)
        self._reports: Mailbox[tuple[Presented, int]] = Mailbox(REPORTS_KEPT, "drop_oldest")
        self._reporter = Worker("reports", self._reports, self._report)
        self._stopping = False
        self._thread = Thread(target=self._run, args=(self._player,), name="player", daemon=True)
        self._thread.start()
        self._status.change(msg.Status.WAITING, "no frame has come yet", self.epoch)

    def deactivate(self) -> None:
        """Close the screen, finish the recording, write the report."""
        if self._player is not None:
            self._stopping = True
            self._player.stop()
            self._thread.join()
            self._reporter.finish()
            self._player = None
            if self.config.report:
                Path(self.config.report).write_text(json.dumps(self._statistics.to_dict()))

    def on_new_epoch(self) -> None:
        """Cut the sound, ease the face."""
        if self._player is not None:
            self._player.flush(self.epoch)
            self._utterances.cut()

    def vitals(self) -> dict[str, str]:
        """Frame periods by kind, delay in force, mouth-to-pixel."""
        if self._presenter is None:
            return {}
        counts, summary = self._presenter.counts, self._statistics.mouth_to_pixel.summary()
        return {
            "output": self.config.output,
            "delay_ms": f"{self._presenter.delay_ms:.1f}",
            "mouth_to_pixel_p50_ms": f"{summary.p50:.1f}",
            "mouth_to_pixel_p95_ms": f"{summary.p95:.1f}",
            "miss_rate": f"{counts.miss_rate:.4f}",
            **{f"periods_{kind}": str(n) for kind, n in counts.periods.items()},
        }

    def _joined(self, presenter: Presenter) -> Player:
        """The player with its sink and, where sound is wanted, an open speaker."""
        config = self.config
        sink = build_sink(parse_screen(config.output), config)
        self._plays = config.sound and config.output == "window"
        self._n_played = 0
        if not self._plays:
            return Player(presenter, [sink], listener=self._shown)
        speaker = Speaker(config.sound_device, config.sample_rate_hz)
        try:
            return Player(presenter, [sink], speaker, self._shown)
        except Exception:
            speaker.close()
            raise

    def _run(self, player: Player) -> None:
        """The player's thread. The process ends with it, unless the node was deactivated."""
        code = 0
        try:
            player.run()
        except Exception as error:
            self.fail(error)
            code = 2
        if self.config.exit_at_end and (code or not self._stopping):
            self.exit_code = code

    def _hear_rung(self, rung: DiagnosticStatus) -> None:
        """How far a stage has stepped down, and what it adds to the algorithmic delay."""
        self._status.hear_rung(rung)
        try:
            self._told_delays.hear({line.key: line.value for line in rung.values})
        except ValueError as error:
            self.refuse(error)
            return
        if self._player is not None:
            timing = self.config.timing(self._told_delays.total_ms)
            self._statistics.algorithmic_ms = timing.algorithmic_ms
            self._player.set_bounds(timing)

    def _hear_info(self, info: msg.FrameInfo) -> None:
        if not self.is_stale(info.epoch):
            self._push(lambda: self._pairs.add_info(info))

    def _hear_image(self, image: Image) -> None:
        self._push(lambda: self._pairs.add_image(image))

    def _push(self, completed: Any) -> None:
        try:
            frame: FrameChunk | None = completed()
            if frame is not None and self._player is not None:
                self._player.push_frames(frame)
                if frame.header.end_of_stream:
                    self._end_if_finished(frame.header.epoch)
        except ValueError as error:
            self.refuse(error)

    def _hear_sound(self, message: msg.AudioChunk) -> None:
        if self.is_stale(message.epoch) or self._player is None:
            return
        try:
            self._player.push_sound(convert.audio_from_msg(message))
        except ValueError as error:
            self.refuse(error)

    def _hear_features(self, message: msg.FeatureChunk) -> None:
        try:
            self._utterances.hear(convert.features_from_msg(message))
        except ValueError as error:
            self.refuse(error)

    def _shown(self, period: Presented, shown_ns: int) -> None:
        """The player's thread, once per frame period."""
        self._statistics.add(period, shown_ns)
        self.counts["untold"] += self._reports.put((period, shown_ns))

    def _report(self, shown: tuple[Presented, int]) -> None:
        """The reporter's thread: one period to the topics."""
        try:
            self._tell(*shown)
        except Exception as error:
            self.fail(error)

    def _tell(self, period: Presented, shown_ns: int) -> None:
        self._timings.publish(timing_to_msg(period, shown_ns))
        if self._pictures.get_subscription_count():
            self._pictures.publish(convert.image_to_msg(period.image, shown_ns))
        if period.sound is not None:
            self._sound.publish(convert.audio_to_msg(period.sound))
        if self._plays:
            self._publish_played(period, shown_ns)
        epoch, frame = period.header.epoch, period.frame
        speaking = frame is not None and self._utterances.show(epoch, frame)
        self._status.show(period, speaking, self._utterances.count)
        self._end_if_finished(epoch)

    def _publish_played(self, period: Presented, shown_ns: int) -> None:
        """What the sound device has just been given, at the time of that: the echo reference."""
        header = Header(shown_ns, period.header.epoch)
        chunk = AudioChunk(header, period.played, self.config.sample_rate_hz, self._n_played)
        self._n_played += len(period.played)
        self._played.publish(convert.audio_to_msg(chunk))

    def _end_if_finished(self, epoch: int) -> None:
        """The last frame has been shown, or its period has passed before the end was known."""
        if self._presenter is not None and self._presenter.finished:
            self._status.change(msg.Status.ENDED, "", epoch, self._utterances.count)
            if self.config.exit_at_end and self._player is not None:
                self._player.stop()


def _first_in_its_process() -> ScreenNode:
    node = ScreenNode()
    node.alone()
    return node


def main() -> int:
    """Run the node; the exit code."""
    return run_node(_first_in_its_process)


if __name__ == "__main__":
    sys.exit(main())
