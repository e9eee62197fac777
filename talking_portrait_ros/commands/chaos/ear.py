"""An ear: what a sound input hears of an avatar, and how far that is from its picture."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

import numpy as np

from talking_portrait_ros.audio.microphone import MicSource
from talking_portrait_ros.audio.source import SampleFifo
from talking_portrait_ros.chunks import F32
from talking_portrait_ros.commands.chaos.timings import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from talking_portrait_ros.ros.probe import HeardSound, ShownFrame

RATE_HZ = 16_000
KEPT_S = 4.0
POLL_S = 0.005
SOUGHT_S = 1.0  # length of the sound that is looked for
FARTHEST_S = 0.8  # of the sound in the air from that on the topic
LEAST_LIKENESS = 0.6
QUIET = 1e-3


class Ear:
    """Listens to the default sound input; a context manager. Keeps the newest four seconds."""

    def __init__(self) -> None:
        """Open the input.

        Raises:
            ValueError: there is none, or it cannot be opened.
            RuntimeError: PyAudio is not installed.
        """
        self._source = MicSource("", RATE_HZ)
        self._heard = SampleFifo()
        self._n_heard = 0
        self._begun_ns: deque[int] = deque(maxlen=round(KEPT_S / POLL_S))
        self._lock, self._stop = Lock(), Event()
        self._thread = Thread(target=self._listen, name="ear", daemon=True)

    def __enter__(self) -> Ear:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
        self._source.close()

    def newest(self) -> tuple[F32, int]:
        """The newest samples [n] at 16 kHz, and when the first of them was in the air (ns)."""
        with self._lock:
            samples = self._heard.take(len(self._heard))
            self._heard.append(samples)
            begun_ns = min(self._begun_ns, default=time.time_ns())
            first = self._n_heard - len(samples)
        return samples, begun_ns + int(first / RATE_HZ * NS_PER_S) - self._source.latency_ns

    def _listen(self) -> None:
        while not self._stop.wait(POLL_S):
            samples = self._source.read(RATE_HZ)
            if not len(samples):
                continue
            with self._lock:
                self._n_heard += len(samples)
                self._heard.append(samples)
                length_ns = int(self._n_heard / RATE_HZ * NS_PER_S)
                self._begun_ns.append(time.time_ns() - length_ns)
                self._heard.take(max(0, len(self._heard) - round(KEPT_S * RATE_HZ)))


def air_offset_ms(
    recorded: F32,
    recorded_ns: int,
    heard: Sequence[HeardSound],
    shown: Sequence[ShownFrame],
    samples_per_frame: int,
) -> float:
    """How much later a sound is in the air than its picture on the screen.

    Args:
        recorded: what an `Ear` heard, [n] at 16 kHz.
        recorded_ns: when the first of it was in the air.
        heard: the same sound on the topic, in order.
        shown: the periods of the screen.
        samples_per_frame: of the sound.

    Returns:
        Milliseconds; not a number where the sound is not found in what was recorded.
    """
    for chunks in reversed(_stretches(heard)):
        wanted = np.concatenate([chunk.samples for chunk in chunks])
        place = (chunks[0].epoch, chunks[0].first_sample // samples_per_frame)
        screen_ns = [p.screen_ns for p in shown if (p.epoch, p.frame) == place]
        if not screen_ns or np.abs(wanted).max() < QUIET:
            continue
        late = chunks[0].first_sample % samples_per_frame / RATE_HZ * NS_PER_S
        found = _found_at(recorded, wanted)
        if found is not None:
            air_ns = recorded_ns + found / RATE_HZ * NS_PER_S
            offset_ms = (air_ns - screen_ns[0] - late) / NS_PER_MS
            if abs(offset_ms) < FARTHEST_S * 1000:
                return float(offset_ms)
    return float("nan")


def _stretches(heard: Sequence[HeardSound]) -> list[list[HeardSound]]:
    """Pieces of unbroken sound, about a second each."""
    stretches: list[list[HeardSound]] = []
    for chunk in heard:
        now = stretches[-1] if stretches else []
        length = sum(len(c.samples) for c in now)
        follows = now and (chunk.epoch, chunk.first_sample) == (
            now[-1].epoch, now[-1].first_sample + len(now[-1].samples)
        )  # fmt: skip
        if follows and length < SOUGHT_S * RATE_HZ:
            now.append(chunk)
        else:
            stretches.append([chunk])
    return [s for s in stretches if sum(len(c.samples) for c in s) >= SOUGHT_S * RATE_HZ]


def _found_at(recorded: F32, wanted: F32) -> int | None:
    """Index in `recorded` at which `wanted` begins; None where it is not whole in there."""
    from scipy.signal import correlate

    if len(recorded) < len(wanted):
        return None
    likeness = correlate(recorded, wanted, "valid", "fft")
    total = np.concatenate([[0.0], np.cumsum(recorded.astype(np.float64) ** 2)])
    energy = total[len(wanted) :] - total[: -len(wanted)]
    likeness = likeness / np.sqrt(np.maximum(energy, 1e-9) * (wanted**2).sum())
    best = int(likeness.argmax())
    return best if likeness[best] >= LEAST_LIKENESS else None
