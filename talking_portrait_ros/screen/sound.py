"""The sound that waits for its frames, and the seams where time is stretched or cut."""

from __future__ import annotations

import numpy as np

from talking_portrait_ros.chunks import F32, AudioChunk

FADE_SAMPLES = 80
QUIET = 0.01


class SoundBuffer:
    """Sound by position. Bounded: what is older than `max_samples` before its end is forgotten.

    A new stream begins after the end of one, and where `first_sample` jumps forwards by more
    than the bound or backwards by more than half a second.

    Attributes:
        max_samples: the bound.
        missing_samples: samples under shown frames that never came.
    """

    def __init__(self, max_samples: int) -> None:
        """An empty buffer."""
        self.missing_samples = 0
        self.max_samples = max_samples
        self._first = 0
        self._samples: F32 = np.zeros(0, np.float32)
        self._ended = False

    @property
    def end(self) -> int:
        """Position after the last sample that is there."""
        return self._first + len(self._samples)

    def push(self, chunk: AudioChunk) -> None:
        """Keep `chunk`; a small gap before it reads as silence, an overlap is ignored."""
        gap = chunk.first_sample - self.end
        anew = self._ended or gap > self.max_samples or -gap > chunk.sample_rate_hz // 2
        self._ended = chunk.header.end_of_stream
        if anew or not len(self._samples):
            self._first, self._samples = chunk.first_sample, chunk.samples
        else:
            silence = np.zeros(max(0, gap), np.float32)
            fresh = chunk.samples[max(0, -gap) :]
            self._samples = np.concatenate([self._samples, silence, fresh])
        excess = max(0, len(self._samples) - self.max_samples)
        self._first += excess
        self._samples = self._samples[excess:]

    def at(self, first_sample: int, n_samples: int) -> F32:
        """The samples from a position on, [n_samples]; silence where there are none."""
        out = np.zeros(n_samples, np.float32)
        low = max(first_sample, self._first)
        high = min(first_sample + n_samples, self.end)
        if high > low:
            found = self._samples[low - self._first : high - self._first]
            out[low - first_sample : high - first_sample] = found
        return out

    def missing(self, first_sample: int, n_samples: int) -> int:
        """How many of the samples of a stretch are not there."""
        low, high = max(first_sample, self._first), min(first_sample + n_samples, self.end)
        return n_samples - max(0, high - low)

    def clear(self) -> None:
        """Forget everything (a flush)."""
        self._samples = np.zeros(0, np.float32)


def is_quiet(samples: F32) -> bool:
    """True where nothing of weight is heard."""
    return not len(samples) or float(np.abs(samples).max()) < QUIET


def fade_in(samples: F32) -> F32:
    """`samples` that begin softly."""
    n = min(FADE_SAMPLES, len(samples))
    return np.concatenate([samples[:n] * _ramp(n), samples[n:]])


def fade_out(samples: F32, n_samples: int) -> F32:
    """The beginning of `samples`, dying away within 5 ms, then silence; [n_samples]."""
    n = min(FADE_SAMPLES, len(samples), n_samples)
    out = np.zeros(n_samples, np.float32)
    out[:n] = samples[:n] * _ramp(n)[::-1]
    return out


def stretched(samples: F32, n_samples: int) -> F32:
    """`samples` [n] made a little longer, by a pause before them, or shorter, by an overlap."""
    extra = n_samples - len(samples)
    if extra > 0:
        return np.concatenate([fade_out(samples, extra), fade_in(samples)])
    return _overlapped(samples, -extra) if extra else samples


def _overlapped(samples: F32, n_less: int) -> F32:
    """`samples` without `n_less` in the middle, the ends cross-faded."""
    n = min(FADE_SAMPLES, len(samples) - n_less)
    start = (len(samples) - n_less - n) // 2
    ramp = _ramp(n)
    late = samples[start + n_less : start + n_less + n]
    seam = samples[start : start + n] * ramp[::-1] + late * ramp
    return np.concatenate([samples[:start], seam, samples[start + n_less + n :]])


def _ramp(n: int) -> F32:
    return ((np.arange(n, dtype=np.float32) + 0.5) / max(n, 1)).astype(np.float32)
