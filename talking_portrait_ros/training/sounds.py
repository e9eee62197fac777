"""Sounds that are not speech, and what rooms and microphones do to speech. All from a generator.

Noise and music teach the networks when to keep the mouth shut. Every function gives float32 at
`RATE_HZ` and takes its randomness from the generator that it is given.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.features.log_mel.mel import SAMPLE_RATE_HZ

RATE_HZ = SAMPLE_RATE_HZ
F64 = NDArray[np.floating]

LOUDNESS = 0.08  # rms of a sound before it gets its gain


def noise(n_samples: int, generator: np.random.Generator) -> F32:
    """Coloured noise with a slow or a knocking envelope, [n], rms `LOUDNESS`."""
    spectrum = np.fft.rfft(generator.standard_normal(n_samples))
    hz = np.fft.rfftfreq(n_samples, 1 / RATE_HZ)
    slope = generator.uniform(-1.3, 0.2)  # brown .. slightly blue
    spectrum *= (np.maximum(hz, 40.0) / 1000) ** slope
    if generator.random() < 0.3:  # a hum
        spectrum += _hum(hz, generator) * np.abs(spectrum).mean()
    sound = np.fft.irfft(spectrum, n_samples) * _envelope(n_samples, generator)
    return _at_loudness(sound)


def music(n_samples: int, generator: np.random.Generator) -> F32:
    """Chords, a melody and drums at random, [n], rms `LOUDNESS`."""
    beat = int(RATE_HZ * generator.uniform(0.25, 0.7))
    root = generator.uniform(80, 260)
    timbre = generator.uniform(0.4, 1.6)
    parts = generator.random(3) < (0.7, 0.6, 0.5)
    sound = np.zeros(n_samples + 4 * beat)
    for start in range(0, n_samples, beat):
        if parts[0] and (start // beat) % 4 == 0:
            for step in generator.choice((0, 3, 4, 5, 7, 9, 12), 3, replace=False):
                _add_note(sound, start, 4 * beat, root * 2 ** (step / 12), timbre, generator)
        if parts[1] or not parts.any():
            step = generator.choice((0, 2, 4, 5, 7, 9, 11, 12))
            _add_note(sound, start, beat, 2 * root * 2 ** (step / 12), timbre, generator)
        if parts[2]:
            _add_drum(sound, start, generator)
    return _at_loudness(sound[:n_samples])


def in_room(sound: F32, generator: np.random.Generator) -> F32:
    """The sound with the echo of a small or medium room, as long as before."""
    seconds = generator.uniform(0.1, 0.4)
    n_tail = int(seconds * RATE_HZ)
    tail = generator.standard_normal(n_tail) * 10 ** (-3 * np.arange(n_tail) / n_tail)
    tail *= generator.uniform(0.1, 0.6) / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    return np.asarray(fftconvolve(sound, tail)[: len(sound)], np.float32)


def equalised(sound: F32, generator: np.random.Generator) -> F32:
    """The sound through a smooth random frequency response within about +-8 dB."""
    spectrum = np.fft.rfft(sound)
    knots = generator.uniform(-8, 8, 6)
    gain_db = np.interp(np.linspace(0, 5, len(spectrum)), np.arange(6), knots)
    return np.asarray(np.fft.irfft(spectrum * 10 ** (gain_db / 20), len(sound)), np.float32)


def _hum(hz: F64, generator: np.random.Generator) -> F64:
    base = generator.choice((50.0, 60.0, 120.0))
    lines = np.zeros(len(hz))
    for harmonic in range(1, 8):
        lines[np.argmin(np.abs(hz - base * harmonic))] = 60 / harmonic
    return lines


def _envelope(n_samples: int, generator: np.random.Generator) -> F64:
    kind = generator.choice(("steady", "slow", "knocks"), p=(0.5, 0.3, 0.2))
    if kind == "steady":
        return np.ones(n_samples)
    if kind == "slow":
        knots = generator.uniform(0.05, 1.0, max(2, n_samples // (RATE_HZ // 2)))
        times = np.linspace(0, len(knots) - 1, n_samples)
        return np.asarray(np.interp(times, np.arange(len(knots)), knots))
    envelope = np.full(n_samples, 0.02)
    for start in generator.integers(0, n_samples, max(1, 3 * n_samples // RATE_HZ)):
        decay = np.exp(-np.arange(n_samples - start) / generator.uniform(80, 1500))
        envelope[start:] = np.maximum(envelope[start:], decay)
    return envelope


def _add_note(
    sound: F64, start: int, length: int, hz: float, timbre: float,
    generator: np.random.Generator,
) -> None:  # fmt: skip
    time_s = np.arange(length) / RATE_HZ
    vibrato = generator.choice((0.0, 0.01)) * np.sin(2 * np.pi * 5.5 * time_s) / 5.5
    note = np.zeros(length)
    for harmonic in range(1, 9):
        if harmonic * hz < RATE_HZ / 2:
            phase = 2 * np.pi * hz * harmonic * (time_s + vibrato)
            note += np.sin(phase) / harmonic**timbre
    attack = np.minimum(1.0, time_s / generator.uniform(0.005, 0.08))
    decay = np.exp(-time_s / generator.uniform(0.1, 1.5))
    release = np.minimum(1.0, (length - np.arange(length)) / (0.03 * RATE_HZ))
    sound[start : start + length] += note * attack * decay * release


def _add_drum(sound: F64, start: int, generator: np.random.Generator) -> None:
    length = RATE_HZ // 4
    time_s = np.arange(length) / RATE_HZ
    if generator.random() < 0.5:
        hit = 2 * np.sin(2 * np.pi * 60 * time_s) * np.exp(-time_s / 0.08)
    else:
        hit = generator.standard_normal(length) * np.exp(-time_s / generator.uniform(0.01, 0.08))
    sound[start : start + length] += hit[: len(sound) - start]


def _at_loudness(sound: F64) -> F32:
    rms = np.sqrt(np.mean(sound**2)) + 1e-9
    return np.asarray(sound * (LOUDNESS / rms), np.float32)
