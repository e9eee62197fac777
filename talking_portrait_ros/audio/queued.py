"""Sound that is pushed: chunks from a topic, at any pace, speech from a synthesiser."""

from __future__ import annotations

from threading import Lock
from typing import Any, Literal

from numpy.typing import NDArray

from talking_portrait_ros.audio.resample import Resampler, mono_float, require_rate
from talking_portrait_ros.audio.source import SampleFifo
from talking_portrait_ros.audio.speech import synthesise
from talking_portrait_ros.chunks import F32

WhenFull = Literal["refuse", "drop_oldest"]


class QueueSource:
    """Sound pushed from outside, int16 or float32, mono or stereo, at any usual rate.

    When more than `max_seconds` wait, `when_full` says what goes, and it is counted. "refuse",
    for synthesisers, which deliver faster than real time: the newest chunk is refused with an
    error, because dropping the oldest would take words out of the middle of a sentence.
    "drop_oldest", for a live voice (with a short queue, 0.2 s): the oldest go, so that a sender
    with a faster clock does not add delay hour by hour.

    Where a stream has run dry, sound starts again only once `start_ms` of it are there, so that
    one late chunk does not make a row of gaps.
    """

    self_paced = False
    latency_ns = 0

    def __init__(
        self,
        sample_rate_hz: int = 16_000,
        max_seconds: float = 30.0,
        start_ms: float = 40.0,
        when_full: WhenFull = "refuse",
    ) -> None:
        """An empty queue that gives sound at `sample_rate_hz`."""
        self.refused_samples = 0
        self.dropped_samples = 0
        self._when_full = when_full
        self._rate_hz = sample_rate_hz
        self._max_samples = int(max_seconds * sample_rate_hz)
        self._start_samples = int(start_ms * sample_rate_hz / 1000)
        self._waited = 0
        self._running = False
        self._ended = False
        self._fifo = SampleFifo()
        self._resampler = Resampler(sample_rate_hz, sample_rate_hz)
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._fifo)

    @property
    def exhausted(self) -> bool:
        """True once `end` was called and all has been read."""
        with self._lock:
            return self._ended and not len(self._fifo)

    def push(self, samples: NDArray[Any], sample_rate_hz: int, n_channels: int = 1) -> None:
        """Add sound at the end.

        Args:
            samples: int16 or float32, interleaved [n * n_channels] or [n, n_channels].
            sample_rate_hz: its rate; 8 to 192 kHz.
            n_channels: 1 or 2.

        Raises:
            ValueError: wrong type, rate, channels or length, NaN, or the queue is full; the queue
                is then as before.
        """
        mono = mono_float(samples, n_channels, "pushed sound")
        require_rate("sample_rate_hz", sample_rate_hz)
        with self._lock:
            self._require_room(len(mono) * self._rate_hz // sample_rate_hz)
            if self._resampler.from_hz != sample_rate_hz:
                fresh = Resampler(sample_rate_hz, self._rate_hz)
                self._fifo.append(self._resampler.flush())
                self._resampler = fresh
            self._fifo.append(self._resampler.process(mono))
            excess = len(self._fifo) - self._max_samples
            if self._when_full == "drop_oldest" and excess > 0:
                self.dropped_samples += len(self._fifo.take(excess))

    def end(self) -> None:
        """Nothing more will be pushed: the source is exhausted once all has been read."""
        with self._lock:
            self._fifo.append(self._resampler.flush())
            self._ended = True

    def read(self, n_samples: int) -> F32:
        """What is there, [<= n_samples]; nothing while a stream that ran dry gathers itself."""
        with self._lock:
            if not self._may_start(n_samples):
                return self._fifo.take(0)
            if len(self._fifo) < n_samples:
                self._fifo.append(self._resampler.flush())
            self._running = len(self._fifo) >= n_samples
            return self._fifo.take(n_samples)

    def clear(self) -> None:
        """Drop everything that waits."""
        with self._lock:
            self._resampler.flush()
            self._fifo.clear()
            self._running = False

    def close(self) -> None:
        """Drop everything that waits, and end."""
        self.clear()
        self.end()

    def _may_start(self, n_samples: int) -> bool:
        """False while a short beginning waits for more; it waits `start_ms` at the longest."""
        enough = len(self._fifo) >= self._start_samples or self._waited >= self._start_samples
        if self._running or self._ended or enough:
            self._waited = 0
            return True
        self._waited += n_samples if len(self._fifo) else 0
        return False

    def _require_room(self, n_samples: int) -> None:
        full = len(self._fifo) + n_samples > self._max_samples
        if full and self._when_full == "refuse":
            self.refused_samples += n_samples
            seconds = self._max_samples / self._rate_hz
            raise ValueError(
                f"pushed sound: {n_samples} samples refused, the queue is full ({seconds:g} s); "
                "push less ahead of time, or flush"
            )


class SpeechSource(QueueSource):
    """Texts, spoken one after the other."""

    def __init__(
        self,
        sample_rate_hz: int = 16_000,
        voice: str = "en-us",
        speed_wpm: int = 170,
        pitch: int = 50,
        max_seconds: float = 300.0,
        start_ms: float = 0.0,
    ) -> None:
        """A speaker that has nothing to say yet."""
        super().__init__(sample_rate_hz, max_seconds, start_ms)
        self._voice, self._speed_wpm, self._pitch = voice, speed_wpm, pitch

    def say(self, text: str) -> None:
        """Speak `text` after what is already queued; the synthesis is done in this call.

        Raises:
            ValueError: nothing to say, an unknown voice, or the queue is full.
        """
        spoken = synthesise(text, self._voice, self._speed_wpm, self._pitch)
        self.push(spoken.samples, spoken.sample_rate_hz)
