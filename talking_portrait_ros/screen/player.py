"""The presenter in time: one thread that waits for the next period and hands it to the sinks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from threading import Condition, Event

from talking_portrait_ros.chunks import AudioChunk, FrameChunk
from talking_portrait_ros.screen.config import ScreenConfig
from talking_portrait_ros.screen.presented import Presented
from talking_portrait_ros.screen.presenter import Presenter
from talking_portrait_ros.screen.sinks import Sink
from talking_portrait_ros.screen.speaker import Speaker
from talking_portrait_ros.timebase import NS_PER_S

IDLE_S = 0.1

Listener = Callable[[Presented, int], None]


class Player:
    """Frames and sound in, from any thread; sinks, speaker and listener are served by `run`."""

    def __init__(
        self,
        presenter: Presenter,
        sinks: Sequence[Sink] = (),
        speaker: Speaker | None = None,
        listener: Listener | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Join the parts.

        Args:
            presenter: decides; from here on only the player may call it.
            sinks: show each period.
            speaker: plays the sound; paces the periods too where `clock` is "sound".
            listener: told each period and the time at which it was shown, nanoseconds.
            now_ns: the clock that stamps are in.
        """
        self._presenter = presenter
        self._sinks = list(sinks)
        self._speaker = speaker
        self._listener = listener
        self._now_ns = now_ns
        self._changed = Condition()
        self._stop = Event()
        if speaker is not None:
            presenter.lead_sound(speaker.latency_samples)

    def push_frames(self, chunk: FrameChunk) -> None:
        """Frames that have just arrived."""
        with self._changed:
            self._presenter.push_frames(chunk, self._now_ns())
            self._changed.notify()

    def push_sound(self, chunk: AudioChunk) -> None:
        """Sound that has just arrived; ValueError where its rate is not the screen's."""
        with self._changed:
            self._presenter.push_sound(chunk)

    def set_bounds(self, config: ScreenConfig) -> None:
        """Keep to the least and the largest delay of `config` from now on."""
        with self._changed:
            self._presenter.set_bounds(config)

    def flush(self, epoch: int) -> None:
        """Make everything of other epochs void, and what the speaker still holds."""
        with self._changed:
            other = epoch != self._presenter.epoch
            self._presenter.flush(epoch)
        if other and self._speaker is not None:
            self._speaker.cut()

    def stop(self) -> None:
        """Make `run` return; from any thread, or a signal handler's."""
        self._stop.set()

    def run(self) -> None:
        """Present until `stop`, or until a sink is closed by the user; sinks are closed then.

        Raises:
            ValueError: a sink that cannot be opened, or a file that could not be finished.
        """
        with ExitStack() as stack:
            if self._speaker is not None:
                stack.callback(self._speaker.close)
            for sink in self._sinks:
                sink.open()
                stack.callback(sink.close)
            while not self._stop.is_set() and not any(sink.closed for sink in self._sinks):
                self._serve(self._next())

    def _next(self) -> list[Presented]:
        """The periods that have begun, after a wait of at most `IDLE_S`."""
        if self._speaker is not None and self._presenter.config.clock == "sound":
            return self._next_by_sound(self._speaker)
        with self._changed:
            wake_ns = self._presenter.wake_ns
            wait_s = IDLE_S if wake_ns is None else (wake_ns - self._now_ns()) / NS_PER_S
            if wait_s > 0:
                self._changed.wait(min(wait_s, IDLE_S))
            return self._presenter.tick(self._now_ns())

    def _next_by_sound(self, speaker: Speaker) -> list[Presented]:
        """One period when the device wants more; the first one when its frame is due."""
        with self._changed:
            due_ns = self._presenter.next_due_ns
            begun = any(self._presenter.counts.periods.values())
            early = not begun and due_ns is not None and due_ns > self._now_ns()
            if due_ns is None or early:
                self._changed.wait(0.005)
                return []
        if not speaker.wait_for_room(IDLE_S):
            return []
        with self._changed:
            period = self._presenter.play(self._now_ns())
        return [period] if period else []

    def _serve(self, periods: list[Presented]) -> None:
        """The sound first: a device that waits is heard, a picture some milliseconds later not."""
        if self._speaker is not None:
            for period in periods:
                if period.cut:
                    self._speaker.cut()
                self._speaker.write(period.played)
        for sink in self._sinks:
            sink.show(periods)
        if self._listener is not None:
            for period in periods:
                self._listener(period, self._now_ns())
