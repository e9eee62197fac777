from __future__ import annotations

import math

import pytest

from talking_portrait_ros.realtime.recent import RecentRate, RecentTimes


def test_percentiles_of_known_times():
    times = RecentTimes()
    for ms in range(101):
        times.add(ms)
    assert times.percentiles() == {"p50": 50.0, "p95": 95.0}


def test_percentiles_of_nothing_are_nan():
    assert math.isnan(RecentTimes().percentiles()["p95"])


def test_only_the_recent_past_counts():
    times = RecentTimes(3)
    for ms in (100, 1, 1, 1):
        times.add(ms)
    assert times.percentiles()["p95"] == 1.0


def test_rate_follows_events_and_falls_when_they_cease():
    now = [0.0]
    rate = RecentRate(now_s=lambda: now[0])
    for _ in range(10):
        now[0] += 0.04
        rate.tick()
    assert rate.per_second == pytest.approx(25.0)
    now[0] += 10
    assert rate.per_second == pytest.approx(0.1)
