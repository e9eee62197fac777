"""The clock of the graph: a source read at the pace of real time, as a steady row of chunks.

Sample n of a session is captured at `start + n / rate`. For a source that can be read at any
speed this is exact: chunks leave when their last sample is due, silence stands in where the
source has nothing, and the stamps neither jitter nor drift. A microphone has a clock of its own:
its chunks leave when they are full, and the stamps follow the arrivals, slewed so slowly that a
frame period never changes by more than a thousandth.

`first_sample` counts on across epochs. A flush begins the new epoch on the next frame boundary,
so that every epoch begins with a whole frame; the up to one frame of positions in between is
skipped in time as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event, Lock

import numpy as np

from talking_portrait_ros.audio.source import Padded, SampleFifo, Source
from talking_portrait_ros.chunks import F32, AudioChunk, Header
from talking_portrait_ros.config import Config, param
from talking_portrait_ros.timebase import NS_PER_S, Timebase

SLEW = 1e-3
SLEW_TIME_NS = NS_PER_S
NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class PacingConfig(Config):
    """How a source is paced."""

    chunk_ms: int = param(20, "length of a chunk of sound", minimum=5, maximum=200, unit="ms")
    lead_in_ms: int = param(0, "silence before the source", minimum=0, maximum=10_000, unit="ms")
    tail_ms: int = param(
        0, "silence after a source that ends", minimum=0, maximum=10_000, unit="ms"
    )
    catch_up_ms: int = param(
        1000,
        "after a longer stall the clock starts anew instead of sending the past in a burst",
        minimum=100, maximum=10_000, unit="ms",
    )  # fmt: skip
    dry_ms: int = param(
        100,
        "how long a microphone may give nothing before silence stands in, and how far ahead of "
        "the time its samples may be before some are dropped",
        minimum=20, maximum=2000, unit="ms",
    )  # fmt: skip


@dataclass
class PacingCounts:
    """What went on, in samples, chunks and events.

    Attributes:
        silence_samples: silence that stood in for sound that was not there.
        dropped_samples: microphone sound that came on top of such silence.
        caught_up_chunks: chunks sent late because the caller stalled.
        restarts: stalls so long that the clock was started anew.
    """

    silence_samples: int = 0
    dropped_samples: int = 0
    caught_up_chunks: int = 0
    restarts: int = 0


class PacedAudio:
    """A source and the wall clock, made into AudioChunks. `flush` may come from any thread."""

    def __init__(
        self,
        source: Source,
        config: PacingConfig | None = None,
        timebase: Timebase | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        epoch: int = 0,
    ) -> None:
        """Prepare; the clock starts with the first `poll`.

        Args:
            source: sound at the timebase's rate.
            config: chunk length, silence around the source.
            timebase: the rates of the graph.
            now_ns: the clock that stamps are in.
            epoch: the first epoch.

        Raises:
            ValueError: `chunk_ms` is not a whole number of samples.
        """
        self.counts = PacingCounts()
        self._config = config or PacingConfig()
        self._timebase = timebase or Timebase()
        in_samples = self._timebase.ms_to_samples
        self._source = Padded(
            source, in_samples(self._config.lead_in_ms), in_samples(self._config.tail_ms)
        )
        self._n = in_samples(self._config.chunk_ms)
        self._now_ns = now_ns
        self._start_ns: int | None = None
        self._tracked_ns: int | None = None
        self._skip = 0
        self._dry = False
        self._position = 0
        self._epoch = epoch
        self._ended = False
        self._pending = SampleFifo()
        self._lock = Lock()

    @property
    def epoch(self) -> int:
        """The epoch of the next chunk."""
        return self._epoch

    @property
    def ended(self) -> bool:
        """True once the chunk with `end_of_stream` has been given out."""
        return self._ended

    @property
    def next_due_ns(self) -> int:
        """When to `poll` next."""
        if self._start_ns is None:
            return self._now_ns()
        if self._source.self_paced:
            return self._now_ns() + self._config.chunk_ms * NS_PER_MS // 4
        return self._stamp(self._position + self._n)

    def poll(self) -> list[AudioChunk]:
        """The chunks that are due by now: none, one, or several after a stall."""
        with self._lock:
            now_ns = self._now_ns()
            if self._ended:
                return []
            chunks = self._captured(now_ns) if self._source.self_paced else self._due(now_ns)
            self.counts.caught_up_chunks += max(0, len(chunks) - 1)
            return chunks

    def run(self, stop: Event | None = None) -> Iterator[AudioChunk]:
        """Chunks at the pace of real time, until the source ends or `stop` is set."""
        stop = stop or Event()
        while not self._ended and not stop.is_set():
            yield from self.poll()
            wait_ns = 0 if self._ended else self.next_due_ns - self._now_ns()
            stop.wait(max(0, wait_ns) / NS_PER_S)

    def flush(self, epoch: int | None = None) -> int:
        """Drop what the source still has to say and begin a new epoch.

        A microphone keeps what it has captured: that is younger than the flush.

        Args:
            epoch: the new epoch; the next one where it is not given. A lower one is ignored.

        Returns:
            The epoch from now on.
        """
        with self._lock:
            wanted = self._epoch + 1 if epoch is None else epoch
            if wanted <= self._epoch:
                return self._epoch
            self._epoch = wanted
            if not self._source.self_paced:
                self._source.clear()
            skipped = -self._position % self._timebase.samples_per_frame
            self._position += skipped
            self._skip = skipped - len(self._pending.take(skipped))
            return wanted

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _stamp(self, position: int) -> int:
        return (self._start_ns or 0) + self._timebase.samples_to_ns(position)

    def _due(self, now_ns: int) -> list[AudioChunk]:
        """A source that waits for us: whatever the clock asks for."""
        if self._start_ns is None:
            self._start_ns = now_ns
        self._forgive(now_ns - self._stamp(self._position + self._n))
        chunks = []
        while not self._ended and self._stamp(self._position + self._n) <= now_ns:
            chunks.append(self._chunk(self._source.read(self._n)))
        return chunks

    def _captured(self, now_ns: int) -> list[AudioChunk]:
        """A source with a clock of its own: whatever it has given."""
        if self._start_ns is None:
            self._start_ns = now_ns
        fresh = self._source.read(10 * self._timebase.sample_rate_hz)
        skipped = min(self._skip, len(fresh))
        self._skip -= skipped
        if len(fresh) > skipped:
            self._resume(now_ns, len(fresh) - skipped)
            self._pending.append(fresh[skipped:])
            self._follow(now_ns)
        chunks = []
        while len(self._pending) >= self._n:
            chunks.append(self._chunk(self._pending.take(self._n)))
        patience_ns = self._config.dry_ms * NS_PER_MS + self._source.latency_ns
        self._forgive(now_ns - patience_ns - self._stamp(self._position + self._n))
        while self._stamp(self._position + self._n) + patience_ns < now_ns:
            self._dry = True
            chunks.append(self._chunk(self._pending.take(self._n)))
        return chunks

    def _behind_ns(self, now_ns: int, n_samples: int = 0) -> int:
        """By how much the clock lags behind the capture of the last of `n_samples` more."""
        end = self._position + len(self._pending) + n_samples
        return now_ns - self._source.latency_ns - self._stamp(end)

    def _resume(self, now_ns: int, n_samples: int) -> None:
        """After a dry spell: silence up to the capture of the first sample that came again."""
        gap = self._behind_ns(now_ns, n_samples) * self._timebase.sample_rate_hz // NS_PER_S
        if self._dry and gap > 0:
            self._pending.append(np.zeros(gap, np.float32))
            self.counts.silence_samples += gap
        self._dry = False

    def _follow(self, now_ns: int) -> None:
        """Move the clock a little towards the arrival of the last sample."""
        elapsed_ns = now_ns - (now_ns if self._tracked_ns is None else self._tracked_ns)
        heard_before, self._tracked_ns = self._tracked_ns is not None, now_ns
        error_ns = self._behind_ns(now_ns)
        if not heard_before and self._position == 0:
            self._move(error_ns)
        elif error_ns > self._config.catch_up_ms * NS_PER_MS:
            self._forgive(error_ns)
        elif error_ns < -self._config.dry_ms * NS_PER_MS:
            excess = -error_ns * self._timebase.sample_rate_hz // NS_PER_S
            self.counts.dropped_samples += len(self._pending.take(excess))
        else:
            step_ns = error_ns * min(1.0, elapsed_ns / SLEW_TIME_NS)
            self._move(int(np.clip(step_ns, -SLEW * elapsed_ns, SLEW * elapsed_ns)))

    def _forgive(self, late_ns: int) -> None:
        """Start the clock anew after a stall that is too long to catch up with."""
        if late_ns > self._config.catch_up_ms * NS_PER_MS:
            self._move(late_ns)
            self.counts.restarts += 1

    def _move(self, by_ns: int) -> None:
        self._start_ns = (self._start_ns or 0) + by_ns

    def _chunk(self, samples: F32) -> AudioChunk:
        """`samples` as the next chunk, silence added where they are too few."""
        self._ended = self._source.exhausted and not len(self._pending)
        missing = self._n - len(samples)
        if missing and not self._ended:
            self.counts.silence_samples += missing
            samples = np.concatenate([samples, np.zeros(missing, np.float32)])
        header = Header(self._stamp(self._position), epoch=self._epoch, end_of_stream=self._ended)
        chunk = AudioChunk(header, samples, self._timebase.sample_rate_hz, self._position)
        self._position += len(samples)
        return chunk


def chunks_of(
    source: Source, chunk_ms: float = 20, timebase: Timebase | None = None
) -> Iterator[AudioChunk]:
    """All chunks of a source that ends, as fast as it can be read; media time starts at 0.

    Raises:
        ValueError: the source has a pace of its own, or gives nothing without having ended.
    """
    timebase = timebase or Timebase()
    n_samples = timebase.ms_to_samples(chunk_ms)
    if source.self_paced:
        raise ValueError("source: a live source has no end; use PacedAudio")
    position, ended = 0, False
    while not ended:
        samples = source.read(n_samples)
        ended = source.exhausted
        if not len(samples) and not ended:
            raise ValueError("source: nothing to read and not ended; end it, or use PacedAudio")
        header = Header(timebase.samples_to_ns(position), end_of_stream=ended)
        yield AudioChunk(header, samples, timebase.sample_rate_hz, position)
        position += len(samples)
