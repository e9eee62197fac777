"""Any rate and any number of channels to mono at the graph's rate, piece by piece.

The work is libswresample's, through PyAV. Its filter holds back 1 to 2 ms of sound; soxr's
streaming mode, which is better beyond 100 dB, holds back up to 40 ms, and a live face pays that
delay on every frame.
"""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from talking_portrait_ros.chunks import F32

RATES_HZ = (8_000, 192_000)
MAX_CHANNELS = 2


class Resampler:
    """Mono float32 from one rate to another, with the filter's memory kept between pieces.

    Pieces of any length give the same samples as the whole; output sample k is at the time of
    input sample k * from / to.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        """Make a resampler.

        Raises:
            ValueError: a rate that is no rate of sound.
        """
        require_rate("sample_rate_hz", from_hz)
        self.from_hz, self.to_hz = from_hz, to_hz
        self._filter = self._fresh()

    def process(self, samples: F32) -> F32:
        """What `samples` [n] complete at the new rate, [m]."""
        if self._filter is None or not len(samples):
            return samples
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[None]), format="flt", layout="mono"
        )
        frame.sample_rate = self.from_hz
        return _joined(self._filter.resample(frame))

    def flush(self) -> F32:
        """The last samples, which wait for sound that does not come; then starts afresh."""
        if self._filter is None:
            return np.zeros(0, np.float32)
        rest = _joined(self._filter.resample(None))
        self._filter = self._fresh()
        return rest

    def _fresh(self) -> Any:
        if self.from_hz == self.to_hz:
            return None
        return av.AudioResampler(format="flt", layout="mono", rate=self.to_hz)


def mono_float(samples: NDArray[Any], n_channels: int, name: str = "samples") -> F32:
    """Sound as float32 mono [n].

    Args:
        samples: int16 or float32, interleaved [n * n_channels] or [n, n_channels].
        n_channels: 1, or 2, which are averaged.
        name: how to call the sound in an error.

    Raises:
        ValueError: another type, no samples, NaN, or a length that is not whole frames.
    """
    if n_channels not in range(1, MAX_CHANNELS + 1):
        raise ValueError(f"{name}: {n_channels!r} channels; send 1 or 2")
    if samples.dtype not in (np.int16, np.float32):
        raise ValueError(f"{name}: samples are {samples.dtype}; send int16 or float32")
    if not samples.size:
        raise ValueError(f"{name}: zero-length sound; send at least one sample")
    shaped = samples.ndim == 1 or (samples.ndim == 2 and samples.shape[1] == n_channels)
    if not shaped or samples.size % n_channels:
        raise ValueError(
            f"{name}: shape {samples.shape} does not hold {n_channels} channels; send [n, "
            f"{n_channels}] or interleaved"
        )
    scale = 1 / 32768 if samples.dtype == np.int16 else 1.0
    mono: F32 = samples.reshape(-1, n_channels).mean(axis=1, dtype=np.float32)
    mono = mono * np.float32(scale)  # [n]
    require_finite(name, mono)
    return mono


def require_rate(name: str, rate_hz: int) -> None:
    """Refuse what is no sample rate of sound.

    Raises:
        ValueError: names the value and the rates that are taken.
    """
    low, high = RATES_HZ
    if not isinstance(rate_hz, int) or not low <= rate_hz <= high:
        raise ValueError(f"{name}={rate_hz!r}: send a whole rate within {low} to {high} Hz")


def require_finite(name: str, samples: F32) -> None:
    """Refuse NaN and infinite samples.

    Raises:
        ValueError: names the sound and the first bad sample.
    """
    if not np.isfinite(samples).all():
        first = int(np.argmin(np.isfinite(samples)))
        raise ValueError(f"{name}: sample {first} is NaN or infinite; send finite numbers")


def _joined(frames: list[Any]) -> F32:
    parts = [frame.to_ndarray()[0] for frame in frames]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
