"""Sound to log-mel slots, as a stream: 50 slots per second, whatever the chunks are.

A *slot* is 20 ms of sound: two hops of 10 ms, each a 25 ms window that ends with its hop, 40 mel
bands each, so 80 numbers. Each slot is computed with arrays of one fixed shape, so the result is
the same bit for bit however the sound was cut.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from talking_portrait_ros.chunks import F32

SAMPLE_RATE_HZ = 16_000
N_BANDS = 40
HOP = 160
WINDOW = 400
SLOT = 2 * HOP
SLOT_WIDTH = 2 * N_BANDS
N_FFT = 512
LOWEST_HZ, HIGHEST_HZ = 60.0, 7600.0

POWER_FLOOR = 1e-6
PRIOR_MEAN = -3.0  # mean log power of speech in a band
PRIOR_SLOTS = 25.0
LONGEST_SLOTS = 500.0  # 10 s: the mean forgets what is older
QUIET_MARGIN = 2.0  # nepers below the mean: half the weight
SCALE = 0.25  # brings the spread of the values to about one

_PAST = WINDOW - HOP  # samples before a hop that its window covers


@dataclass
class SlotState:
    """What the stream remembers: sound of the next windows, the mean per band and its weight."""

    pending: F32 = field(default_factory=lambda: np.zeros(_PAST, np.float32))  # [_PAST + n]
    mean: F32 = field(default_factory=lambda: np.full(N_BANDS, PRIOR_MEAN, np.float32))
    weight: float = PRIOR_SLOTS


def push_samples(samples: F32, state: SlotState) -> F32:
    """The slots that `samples` [n] complete, [k, 80]; updates `state`.

    Slot s of a stream depends on samples below 320 (s + 1) and on none after.
    """
    sound = np.concatenate([state.pending, samples])
    n_slots = (len(sound) - _PAST) // SLOT
    slots = np.empty((n_slots, SLOT_WIDTH), np.float32)  # [k, 80]
    for index in range(n_slots):
        bands = _log_mel(sound[index * SLOT : index * SLOT + _PAST + SLOT])
        slots[index] = _minus_running_mean(bands, state).reshape(-1)
    state.pending = sound[n_slots * SLOT :].copy()
    return slots


def _log_mel(segment: F32) -> F32:
    """Natural log of the mel power of two hops, [2, 40]."""
    window, filters = _tables()
    hops = np.stack([segment[:WINDOW], segment[HOP : HOP + WINDOW]]) * window  # [2, 400]
    spectrum = np.fft.rfft(hops, N_FFT)
    power = spectrum.real**2 + spectrum.imag**2  # [2, 257]
    log_power: F32 = np.log(np.maximum(power @ filters, POWER_FLOOR))
    return log_power


def _minus_running_mean(bands: F32, state: SlotState) -> F32:
    """`bands` [2, 40] minus their causal running mean, scaled.

    Slots much quieter than the mean hardly count: a robot that waited in silence for minutes
    hears the first word like any other.
    """
    loudness = float((bands - state.mean).mean())
    share = 1.0 / (1.0 + np.exp(min(-2.0 * (loudness + QUIET_MARGIN), 50.0)))
    state.weight = min(state.weight + share, LONGEST_SLOTS)
    step = np.float32(share / state.weight)
    state.mean = state.mean + step * (bands.mean(axis=0) - state.mean)
    return (bands - state.mean) * np.float32(SCALE)


@cache
def _tables() -> tuple[F32, F32]:
    """Hann window [400] without zeros at its ends, and mel filters [257, 40]."""
    phase = (np.arange(WINDOW) + 0.5) / WINDOW
    window = (0.5 - 0.5 * np.cos(2 * np.pi * phase)).astype(np.float32)
    edges = np.linspace(_mel(LOWEST_HZ), _mel(HIGHEST_HZ), N_BANDS + 2)
    bins = _mel(np.arange(N_FFT // 2 + 1) * SAMPLE_RATE_HZ / N_FFT)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return window, np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


def _mel(hz: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Mel of a frequency (O'Shaughnessy's formula)."""
    return np.asarray(1127.0 * np.log1p(np.asarray(hz) / 700.0))
