"""The rivals do what their names say, on sound whose lips are known."""

from __future__ import annotations

import numpy as np
import pytest

from talking_portrait_ros.evaluation.curves import correlation, correlation_at
from talking_portrait_ros.evaluation.rivals import leave_one_out, log_mel, loudness, windows
from talking_portrait_ros.timebase import Timebase

TIMEBASE = Timebase()


def _clip(seed: int, n_frames: int = 150, lag: int = 0):
    """Noise under a slow envelope, and lips that follow it `lag` frames later."""
    random = np.random.default_rng(seed)
    envelope = np.convolve(random.uniform(0, 1, n_frames + 20), np.hanning(9), "same")[:n_frames]
    sound = np.repeat(envelope, TIMEBASE.samples_per_frame) * random.normal(0, 0.1, n_frames * 640)
    return sound.astype(np.float32), np.roll(envelope, lag)


def test_loudness_follows_the_envelope_of_the_sound():
    sound, envelope = _clip(0)
    assert correlation(loudness(sound, TIMEBASE), envelope) > 0.9


def test_log_mel_has_one_centred_row_per_whole_frame():
    sound, _ = _clip(0)
    features = log_mel(sound[:-100], TIMEBASE)
    assert features.shape == (149, 40)
    assert np.abs(features.mean(axis=0)).max() < 1e-3


def test_log_mel_puts_a_click_in_its_own_frame():
    sound = np.zeros(6400, np.float32)
    sound[4 * 640 + 300] = 1
    assert log_mel(sound, TIMEBASE).mean(axis=1).argmax() == 4


def test_windows_hold_past_and_future_of_each_frame():
    features = np.arange(6, dtype=np.float32)[:, None]
    assert windows(features, 1)[2].tolist() == [1, 2, 3]
    assert windows(features, 1)[0].tolist() == [0, 0, 1]


@pytest.mark.parametrize("lag", [0, 2])
def test_linear_rival_learns_the_lips_of_clips_it_has_not_seen(lag):
    sounds, lips = zip(*[_clip(seed, lag=lag) for seed in range(5)], strict=True)
    features = [log_mel(sound, TIMEBASE) for sound in sounds]
    guesses = leave_one_out(features, lips, [lag] * 5)
    scores = [correlation_at(g, y, lag) for g, y in zip(guesses, lips, strict=True)]
    assert min(scores) > 0.8


def test_linear_rival_never_sees_the_clip_that_it_guesses():
    sounds, lips = zip(*[_clip(seed) for seed in range(3)], strict=True)
    features = [log_mel(sound, TIMEBASE) for sound in sounds]
    noise = np.random.default_rng(9).normal(size=150)
    once = leave_one_out(features, lips, [0, 0, 0])
    again = leave_one_out(features, [noise, *lips[1:]], [0, 0, 0])
    assert np.allclose(once[0], again[0], atol=1e-6)
    assert not np.allclose(once[1], again[1], atol=1e-3)
