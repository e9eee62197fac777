"""Chance by place."""

from itertools import islice

import numpy as np

from talking_portrait_ros.latents.noise import draws, smooth_noise, uniform


def test_uniform_fills_the_interval_evenly() -> None:
    values = np.array([uniform(7, 1, index) for index in range(4000)])
    counts, _ = np.histogram(values, bins=10, range=(0, 1))
    assert counts.sum() == 4000
    assert counts.min() > 320
    assert counts.max() < 480


def test_streams_and_segments_are_unrelated() -> None:
    rows = [list(islice(draws(7, s, g), 500)) for s, g in ((1, 0), (2, 0), (1, 1))]
    rows.append([uniform(7, 1, index) for index in range(500)])
    assert np.abs(np.corrcoef(rows) - np.eye(4)).max() < 0.2


def test_smooth_noise_wanders_without_jumps() -> None:
    values = np.array([smooth_noise(3, 5, frame, 50) for frame in range(5000)])
    assert np.abs(values).max() <= 1
    assert values.std() > 0.25
    assert np.abs(np.diff(values)).max() < 2 / 50
    assert np.abs(np.diff(values, 2)).max() < 6 / 50**2
