from __future__ import annotations

import pytest

from talking_portrait_ros.evaluation.drift import simulate_drift


@pytest.mark.parametrize("skew_ppm", [-200.0, 0.0, 200.0])
def test_sound_stays_with_the_picture_whichever_clock_is_fast(skew_ppm):
    drift = simulate_drift(skew_ppm, hours=0.25)
    assert drift.largest_offset_ms <= 40
    assert (drift.underruns, drift.dropped_samples) == (0, 0)


def test_a_difference_that_no_stretching_makes_up_for_shows():
    assert simulate_drift(20_000.0, hours=0.1).underruns > 0
    assert simulate_drift(-20_000.0, hours=0.1).dropped_samples > 0
