"""What the mouth does when nobody speaks: pauses, digital silence, noise, music.

Lips must be closed in a pause, and noise or music must not make them chatter. Chatter is measured
as *motion*: mean change of the lip gap from frame to frame, over that of real speech.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talking_portrait_ros.audio.files import read_sound
from talking_portrait_ros.chunks import F32, Reference, References
from talking_portrait_ros.evaluation.clips import Watch, unwatched
from talking_portrait_ros.evaluation.curves import Curve
from talking_portrait_ros.evaluation.rig import CLOSED_GAP
from talking_portrait_ros.evaluation.runner import Runner
from talking_portrait_ros.evaluation.tracker import track_frames
from talking_portrait_ros.timebase import Timebase

Mask = NDArray[np.bool_]  # [T]

SHORTEST_PAUSE_MS = 300
SETTLE_MS = 200
ANTICIPATION_MS = 120
_PAUSE_BELOW_DB = 35.0
SOUND_SUFFIXES = {".wav", ".flac", ".mp3", ".ogg", ".m4a"}


@dataclass(frozen=True)
class Quiet:
    """The lips during one sound.

    Attributes:
        name: the sound.
        n_pause_frames: frames in pauses longer than 0.3 s, 0.2 s after they began and up to
            0.12 s before they end (lips open before the sound comes).
        closed: share of those frames with closed lips; NaN where there are none.
        motion: mean absolute change of the gap per frame, thousandths of the face height.
        gap: mean gap over the whole sound, of the face height.
    """

    name: str
    n_pause_frames: int
    closed: float
    motion: float
    gap: float


def evaluate_silence(
    runner: Runner,
    recordings: Sequence[Path],
    reference: Reference,
    longest_s: float = 8.0,
    watch: Watch[str] = unwatched,
) -> list[Quiet]:
    """The lips in the pauses of recordings, and while there is no speech at all.

    Args:
        runner: the pipeline.
        recordings: sound files with speech.
        reference: the face.
        longest_s: how much of each recording is heard.
        watch: shows progress.

    Raises:
        ValueError: a recording that cannot be read, or a face that is lost.
    """
    timebase = runner.timebase
    longest = round(longest_s * timebase.sample_rate_hz)
    sounds = {p.stem: read_sound(p, timebase.sample_rate_hz)[:longest] for p in recordings}
    speech = set(sounds)
    sounds |= sounds_without_speech(timebase)
    results = []
    for name in watch(list(sounds), f"{runner.name}: silence, noise, music"):
        frames = runner.frames(sounds[name], References((reference,)))
        gap = track_frames(frames, name).gap
        if name in speech:
            still = settled_pauses(sounds[name], timebase)
        else:
            still = np.arange(len(gap)) >= SETTLE_MS * timebase.fps // 1000
        results.append(_quiet(name, gap, still))
    return results


def _quiet(name: str, gap: Curve, still: Mask) -> Quiet:
    n_still = int(still.sum())
    closed = float((gap[: len(still)][still] < CLOSED_GAP).mean()) if n_still else float("nan")
    motion = 1000 * float(np.abs(np.diff(gap)).mean())
    return Quiet(name, n_still, closed, motion, float(gap.mean()))


def settled_pauses(samples: F32, timebase: Timebase) -> Mask:
    """Which frames lie inside pauses in which the lips must be closed, bool [T].

    A pause is a stretch more than 35 dB below the loud frames; a recording whose noise is louder
    than that has none.
    """
    n_frames = timebase.complete_frames(len(samples))
    frames = samples[: n_frames * timebase.samples_per_frame].reshape(n_frames, -1)
    level_db = 10 * np.log10((frames.astype(np.float64) ** 2).mean(axis=1) + 1e-10)
    quiet = level_db < np.percentile(level_db, 95) - _PAUSE_BELOW_DB
    edges = np.diff(np.concatenate([[0], quiet.astype(int), [0]]))
    settle, ahead, shortest = (
        round(ms * timebase.fps / 1000) for ms in (SETTLE_MS, ANTICIPATION_MS, SHORTEST_PAUSE_MS)
    )
    inside = np.zeros(n_frames, bool)
    for start, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        if end - start > shortest:
            inside[start + settle : end - ahead] = True
    return inside


def sounds_without_speech(
    timebase: Timebase, seconds: float = 4.0, seed: int = 0
) -> dict[str, F32]:
    """Digital silence, white and pink noise at two levels, and a little synthetic music."""
    random = np.random.default_rng(seed)
    n = round(seconds * timebase.sample_rate_hz)
    white = random.normal(0, 1, n)
    pink = _pink(white)
    music = _music(n, timebase.sample_rate_hz, random)
    sounds: dict[str, Curve] = {"digital silence": np.zeros(n)}
    for level_db in (-40, -20):
        sounds[f"white noise {level_db} dB"] = _at_level(white, level_db)
        sounds[f"pink noise {level_db} dB"] = _at_level(pink, level_db)
    sounds["music -20 dB"] = _at_level(music, -20)
    return {name: np.clip(sound, -1, 1).astype(np.float32) for name, sound in sounds.items()}


def _pink(white: Curve) -> Curve:
    """Noise whose power falls by 3 dB per octave."""
    spectrum = np.fft.rfft(white)
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    return np.asarray(np.fft.irfft(spectrum, len(white)))


def _music(n: int, rate_hz: int, random: np.random.Generator) -> Curve:
    """Plucked notes of a pentatonic scale over a held chord, four notes a second."""
    time_s = np.arange(n) / rate_hz
    sound = 0.3 * sum(_tone(time_s, hz) for hz in (130.8, 164.8, 196.0))
    scale_hz = 261.6 * 2 ** (np.array([0, 2, 4, 7, 9, 12]) / 12)
    for start_s in np.arange(0, n / rate_hz, 0.25):
        since_s = time_s - start_s
        decay = np.where(since_s >= 0, np.exp(-since_s * 6), 0)
        sound = sound + decay * _tone(time_s, float(random.choice(scale_hz)))
    return np.asarray(sound)


def _tone(time_s: Curve, hz: float) -> Curve:
    """A tone with six harmonics."""
    return np.asarray(sum(np.sin(2 * np.pi * hz * k * time_s) / k**1.5 for k in range(1, 7)))


def _at_level(sound: Curve, level_db: float) -> Curve:
    """`sound` with an effective value of `level_db` relative to full scale."""
    return np.asarray(sound * (10 ** (level_db / 20) / np.sqrt((sound**2).mean())))
