"""Correlation, lag and interval on curves whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from talking_portrait_ros.evaluation.curves import (
    best_lag,
    correlation,
    correlation_at,
    mean_with_interval,
)


@pytest.fixture
def curve():
    return np.random.default_rng(1).normal(size=300).cumsum()


def test_correlation_ignores_offset_and_scale_and_sees_the_sign(curve):
    assert correlation(curve, 3 * curve + 5) == pytest.approx(1)
    assert correlation(curve, -curve) == pytest.approx(-1)


def test_correlation_with_a_still_curve_is_zero(curve):
    assert correlation(curve, np.full(300, 0.2)) == 0


@pytest.mark.parametrize("lag", [-3, 0, 2])
def test_positive_lag_means_that_the_measured_curve_comes_later(curve, lag):
    made, measured = curve[10:200], curve[10 - lag : 200 - lag]
    assert best_lag(made, measured, 4) == (lag, pytest.approx(1))
    assert correlation_at(made, measured, lag) == pytest.approx(1)


def test_curves_of_different_length_are_compared_from_their_start(curve):
    assert correlation_at(curve, curve[:120], 0) == pytest.approx(1)


def test_curves_too_short_for_the_lag_are_refused(curve):
    with pytest.raises(ValueError, match="fewer than 5"):
        correlation_at(curve[:8], curve[:8], 5)


def test_interval_covers_the_true_mean_about_95_times_in_100():
    random = np.random.default_rng(2)
    estimates = [mean_with_interval(random.normal(0.5, 0.2, 20).tolist()) for _ in range(100)]
    assert 85 <= sum(e.low <= 0.5 <= e.high for e in estimates) <= 99


def test_interval_says_how_many_clips_it_stands_on():
    estimate = mean_with_interval([0.4, 0.6])
    assert (estimate.mean, estimate.n) == (0.5, 2)
    with pytest.raises(ValueError, match="no clips"):
        mean_with_interval([])
