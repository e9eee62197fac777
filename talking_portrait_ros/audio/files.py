"""Sound files, decoded piece by piece by FFmpeg: any format, rate and channel count it knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import numpy as np

from talking_portrait_ros.audio.resample import Resampler, require_finite
from talking_portrait_ros.audio.source import SampleFifo
from talking_portrait_ros.chunks import F32


class FileSource:
    """The sound of a file or of a video, mono at the wanted rate, decoded as it is read."""

    self_paced = False
    latency_ns = 0

    def __init__(self, path: str | Path, sample_rate_hz: int = 16_000) -> None:
        """Open `path`.

        Raises:
            ValueError: no such file, not readable, no sound in it, zero-length.
        """
        self._path = str(path)
        self._rate_hz = sample_rate_hz
        self._container = _opened(self._path)
        self._resampler: Resampler | None = None
        self._fifo = SampleFifo()
        self._decoder = self._decoded()
        self._ended = False
        try:
            self._fill(1)
        except ValueError:
            self.close()
            raise
        if not len(self._fifo):
            self.close()
            raise ValueError(f"sound {self._path!r} is of zero length; give a longer recording")

    @property
    def exhausted(self) -> bool:
        """True once the last sample has been read."""
        return self._ended and not len(self._fifo)

    def read(self, n_samples: int) -> F32:
        """The next samples, fewer only at the end.

        Raises:
            ValueError: the rest of the file cannot be decoded, or holds NaN.
        """
        self._fill(n_samples + 1)  # one ahead, so that `exhausted` tells the end in time
        return self._fifo.take(n_samples)

    def clear(self) -> None:
        """Drop the rest of the file."""
        self._ended = True
        self._fifo.clear()

    def close(self) -> None:
        """Close the file."""
        self.clear()
        self._container.close()

    def _fill(self, n_samples: int) -> None:
        while len(self._fifo) < n_samples and not self._ended:
            piece = next(self._decoder, None)
            if piece is None:
                self._ended = True
                piece = self._resampler.flush() if self._resampler else np.zeros(0, np.float32)
            self._fifo.append(piece)

    def _decoded(self) -> Iterator[F32]:
        planar = av.AudioResampler(format="fltp")
        try:
            for frame in self._container.decode(audio=0):
                for out in planar.resample(frame):
                    yield self._converted(out)
        except av.error.FFmpegError as error:
            raise ValueError(
                f"sound {self._path!r} cannot be decoded ({error.strerror}); convert it to WAV"
            ) from None

    def _converted(self, frame: Any) -> F32:
        """One decoded frame, planar float, as mono at the wanted rate."""
        mono = frame.to_ndarray().mean(axis=0, dtype=np.float32)  # [n]
        require_finite(f"sound {self._path!r}", mono)
        if self._resampler is None:
            self._resampler = Resampler(frame.sample_rate, self._rate_hz)
        return self._resampler.process(mono)


def read_sound(path: str | Path, sample_rate_hz: int = 16_000) -> F32:
    """The whole sound of a file: float32 mono [n] at `sample_rate_hz`.

    Raises:
        ValueError: missing, unreadable, without sound, zero-length, NaN; names the file.
    """
    parts = []
    with closing(FileSource(path, sample_rate_hz)) as source:
        while not source.exhausted:
            parts.append(source.read(sample_rate_hz))
    return np.concatenate(parts)


def _opened(path: str) -> Any:
    if not Path(path).is_file():
        raise ValueError(f"sound {path!r} does not exist or is no file; check the path")
    try:
        container = av.open(path)
    except (av.error.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(
            f"sound {path!r} cannot be read ({reason}); give a sound or video file that FFmpeg "
            "knows, e.g. WAV, MP3, OGG, FLAC"
        ) from None
    if not container.streams.audio:
        container.close()
        raise ValueError(f"sound {path!r} holds no sound track; give a file with sound")
    return container
