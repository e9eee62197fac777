from __future__ import annotations

import numpy as np
import pytest

from talking_portrait_ros.realtime.latency import LatencyHistogram


def filled(values):
    histogram = LatencyHistogram()
    for value in values:
        histogram.add(float(value))
    return histogram


def test_percentiles_are_those_of_the_values_within_a_percent():
    values = np.random.default_rng(0).lognormal(3, 1, 5000)
    summary = filled(values).summary()
    for percent, found in ((50, summary.p50), (95, summary.p95), (99, summary.p99)):
        assert found == pytest.approx(np.percentile(values, percent), rel=0.01)
    assert summary.count == 5000
    assert summary.largest == pytest.approx(values.max(), abs=0.001)


def test_one_value_is_every_percentile():
    summary = filled([42.0]).summary()
    assert summary.p50 == summary.p99 == pytest.approx(42, rel=0.005)


def test_nothing_counted_reads_as_zero():
    assert set(filled([]).summary().to_dict().values()) == {0}


def test_zero_negative_and_enormous_values_are_counted():
    histogram = filled([-5.0, 0.0, 0.0, 1e9])
    assert histogram.count == 4
    assert histogram.percentile(50) == 0.0
    assert histogram.percentile(100) > 1e6


def test_memory_does_not_grow():
    histogram = LatencyHistogram()
    size = histogram._bins.nbytes
    for k in range(10_000):
        histogram.add(k)
    assert histogram._bins.nbytes == size
