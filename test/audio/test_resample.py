from __future__ import annotations

import numpy as np
import pytest
from helpers.make_sound import tone

from talking_portrait_ros.audio.resample import Resampler, mono_float


def resampled(samples, from_hz, to_hz, piece):
    resampler = Resampler(from_hz, to_hz)
    parts = [resampler.process(samples[k : k + piece]) for k in range(0, len(samples), piece)]
    return np.concatenate([*parts, resampler.flush()])


@pytest.mark.parametrize("from_hz", [8000, 11_025, 22_050, 44_100, 48_000])
def test_a_tone_keeps_frequency_level_and_time_at_another_rate(from_hz):
    found = resampled(tone(1000, from_hz, from_hz), from_hz, 16_000, piece=from_hz // 100)
    assert len(found) == 16_000
    error = found[400:-400] - tone(1000, 16_000)[400:-400]
    assert np.abs(error).max() < 1e-4


@pytest.mark.parametrize("piece", [1, 333, 4410])
def test_pieces_of_any_length_give_the_same_samples(piece):
    noise = np.random.default_rng(0).uniform(-1, 1, 4410).astype(np.float32)
    whole = resampled(noise, 44_100, 16_000, len(noise))
    np.testing.assert_array_equal(resampled(noise, 44_100, 16_000, piece), whole)


def test_what_is_above_half_the_rate_does_not_fold_back():
    found = resampled(tone(9000, 48_000, 48_000), 48_000, 16_000, 480)
    assert np.abs(found[400:-400]).max() < 1e-3


def test_the_filter_holds_back_at_most_two_milliseconds():
    resampler = Resampler(44_100, 16_000)
    given = sum(len(resampler.process(np.zeros(441, np.float32))) for _ in range(50))
    assert 50 * 160 - given <= 32


def test_stereo_int16_becomes_the_mean_as_float():
    pair = np.array([[16_384, 0], [-32_768, -32_768]], np.int16)
    np.testing.assert_allclose(mono_float(pair, 2), [0.25, -1.0])
    np.testing.assert_allclose(mono_float(pair.reshape(-1), 2), [0.25, -1.0])


@pytest.mark.parametrize(
    ("samples", "n_channels", "complaint"),
    [
        (np.zeros(10, np.float64), 1, "float64"),
        (np.zeros(0, np.float32), 1, "zero-length"),
        (np.zeros(9, np.int16), 2, "does not hold 2 channels"),
        (np.zeros((4, 3), np.float32), 2, "does not hold 2 channels"),
        (np.zeros(9, np.int16), 6, "6 channels"),
        (np.array([0, np.nan], np.float32), 1, "sample 1 is NaN"),
    ],
)
def test_sound_that_is_none_is_refused(samples, n_channels, complaint):
    with pytest.raises(ValueError, match=complaint):
        mono_float(samples, n_channels)


@pytest.mark.parametrize("rate_hz", [0, 100, 1_000_000, 16_000.5])
def test_an_absurd_rate_is_refused(rate_hz):
    with pytest.raises(ValueError, match="sample_rate_hz="):
        Resampler(rate_hz, 16_000)
