"""How far the sound in the air is from its picture, for sounds and times that are known."""

from __future__ import annotations

import numpy as np
import pytest

from talking_portrait_ros.commands.chaos.ear import RATE_HZ, air_offset_ms
from talking_portrait_ros.ros.probe import HeardSound, ShownFrame

PER_FRAME = 640
CHUNK = 640
N_CHUNKS = 60
MS = 1_000_000


@pytest.fixture
def sound() -> np.ndarray:
    return np.random.default_rng(3).normal(0, 0.1, N_CHUNKS * CHUNK).astype(np.float32)


def heard(sound: np.ndarray) -> list[HeardSound]:
    pieces = sound.reshape(-1, CHUNK)
    return [HeardSound(0, 1, i * CHUNK, piece) for i, piece in enumerate(pieces)]


def shown(begun_ns: int) -> list[ShownFrame]:
    """One picture every 40 ms from `begun_ns` on."""
    return [
        ShownFrame(begun_ns + i * 40 * MS, 0, 1, i, "shown", 0, {})
        for i in range(N_CHUNKS * CHUNK // PER_FRAME)
    ]


@pytest.mark.parametrize("late_ms", [-35, 0, 60])
def test_the_delay_of_the_sound_behind_its_picture_is_found_in_noise(sound, late_ms):
    noise = np.random.default_rng(5).normal(0, 0.02, len(sound) + 8000).astype(np.float32)
    recorded = 0.5 * np.concatenate([np.zeros(8000, np.float32), sound]) + noise
    first_ns = 10**12  # when the first picture was seen
    recorded_ns = first_ns + late_ms * MS - 8000 * 10**9 // RATE_HZ
    found = air_offset_ms(recorded, recorded_ns, heard(sound), shown(first_ns), PER_FRAME)
    assert found == pytest.approx(late_ms, abs=0.1)


def test_another_sound_is_not_taken_for_it(sound):
    other = np.random.default_rng(4).normal(0, 0.1, len(sound)).astype(np.float32)
    assert np.isnan(air_offset_ms(other, 0, heard(sound), shown(0), PER_FRAME))


def test_sound_without_its_picture_tells_nothing(sound):
    assert np.isnan(air_offset_ms(sound, 0, heard(sound), [], PER_FRAME))


def test_silence_tells_nothing(sound):
    silence = np.zeros_like(sound)
    assert np.isnan(air_offset_ms(silence, 0, heard(silence), shown(0), PER_FRAME))
