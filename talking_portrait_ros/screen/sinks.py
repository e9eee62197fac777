"""Where the presenter's decisions go: a window, a file, nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Literal, Protocol

import numpy as np

from talking_portrait_ros.chunks import F32, U8
from talking_portrait_ros.screen.config import ScreenConfig
from talking_portrait_ros.screen.presented import Presented
from talking_portrait_ros.screen.video import VideoWriter, check_video_path

QUEUE_FRAMES = 50


class Sink(Protocol):
    """Takes the frame periods. All calls come from one thread, `open` first.

    Attributes:
        closed: True once the user wants no more (the window was shut), or nothing more can be
            shown (the disk is full); `close` then says why.
    """

    @property
    def closed(self) -> bool:
        """See above."""
        ...

    def open(self) -> None:
        """Take devices and files; ValueError where that cannot be."""
        ...

    def show(self, periods: Sequence[Presented]) -> None:
        """Show what has begun: mostly one period, several after a stall, none while idle.

        May not take long: the grid waits for it.
        """
        ...

    def close(self) -> None:
        """Give back devices, finish files."""
        ...


class NoneSink:
    """Shows nothing: a face for topics only."""

    closed = False

    def open(self) -> None:
        """Nothing to open."""

    def show(self, periods: Sequence[Presented]) -> None:
        """Nothing to show."""

    def close(self) -> None:
        """Nothing to close."""


class FileSink:
    """Records the session to a video file, on the media clock.

    Each frame period of the stream is one frame of the file, with exactly the sound under it;
    what the screen held, blended or showed late is recorded as it was seen. Periods in which the
    stream stood still (a growing delay) take no time in the file. Indices that a flush jumps over
    are filled with the last picture and silence.

    Encoding is done by a thread of its own. When it cannot follow, pictures are repeated (counted
    in `repeated_frames`), which costs it next to nothing; sound is never lost.
    """

    def __init__(self, path: str | Path, config: ScreenConfig | None = None) -> None:
        """Prepare a recording.

        Raises:
            ValueError: a path that cannot be written.
        """
        self.path = check_video_path(path)
        self.repeated_frames = 0
        self._timebase = (config or ScreenConfig()).timebase
        self._queue: Queue[tuple[U8 | None, F32] | None] = Queue()
        self._thread = Thread(target=self._encode, name="video-file", daemon=True)
        self._writer: VideoWriter | None = None
        self._next: int | None = None
        self._error: Exception | None = None

    @property
    def closed(self) -> bool:
        """True once writing has failed."""
        return self._error is not None

    def open(self) -> None:
        """Create the file and start the encoder."""
        self._writer = VideoWriter(self.path, self._timebase, speed="ultrafast")
        self._thread.start()

    def show(self, periods: Sequence[Presented]) -> None:
        """Record all of them."""
        for period in periods:
            self._record(period)

    def close(self) -> None:
        """Finish the file; what waits is written first.

        Raises:
            ValueError: writing failed (a full disk).
        """
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        if self._error is not None:
            error, self._error = self._error, None
            raise ValueError(f"video {str(self.path)!r}: writing failed ({error})")

    def _record(self, period: Presented) -> None:
        if period.frame is None or period.sound is None:
            return
        gap = period.frame - (period.frame if self._next is None else self._next)
        if 0 < gap <= self._timebase.fps * 10:
            for _ in range(gap):
                self._put(None, np.zeros(0, np.float32))
        self._next = period.frame + 1
        self._put(period.image, period.sound.samples)

    def _put(self, image: U8 | None, sound: F32) -> None:
        """Queue one frame; beyond the bound only its sound, which is small."""
        if self._error is not None:
            return
        if image is not None and self._queue.qsize() >= QUEUE_FRAMES:
            self.repeated_frames += 1
            image = None
        self._queue.put((image, sound))

    def _encode(self) -> None:
        """The encoder's thread. What was recorded before an error can be played."""
        assert self._writer is not None
        last: U8 | None = None
        try:
            with closing(self._writer) as writer:
                while (item := self._queue.get()) is not None:
                    last = item[0] if item[0] is not None else last
                    if last is not None:
                        writer.add(last, item[1])
        except Exception as error:
            self._error = error


@dataclass(frozen=True)
class ScreenTarget:
    """What `--screen` asks for."""

    kind: Literal["window", "file", "none"]
    path: Path | None = None


def parse_screen(text: str) -> ScreenTarget:
    """The meaning of `window`, `file:PATH` or `none`.

    Raises:
        ValueError: something else, or a path that no video can be written to.
    """
    kind, _, path = text.partition(":")
    if kind == "file" and path:
        return ScreenTarget("file", check_video_path(path))
    if text == "window":
        return ScreenTarget("window")
    if text == "none":
        return ScreenTarget("none")
    raise ValueError(f"screen={text!r}: choose window, file:PATH (e.g. file:out.mp4) or none")


def build_sink(target: ScreenTarget, config: ScreenConfig | None = None) -> Sink:
    """The sink that `target` names."""
    if target.kind == "file":
        return FileSink(target.path or Path(), config)
    if target.kind == "window":
        from talking_portrait_ros.screen.window import WindowSink

        return WindowSink(config)
    return NoneSink()
