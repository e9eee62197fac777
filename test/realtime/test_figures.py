from __future__ import annotations

import json

import pytest
from helpers.presentation import Simulation, captured_ns

from talking_portrait_ros.realtime.figures import SessionStatistics


def counted(simulation, until_ns):
    statistics = SessionStatistics(algorithmic_ms=60.0)
    for shown_ns, period in simulation.run(until_ns):
        statistics.add(period, shown_ns)
    return statistics


def test_the_five_latencies_of_a_steady_session():
    simulation = Simulation()
    simulation.stream(range(100), 80)
    found = counted(simulation, captured_ns(102)).to_dict()
    json.dumps(found)
    assert found["fps"] == pytest.approx(25)
    assert found["frames"] == 100
    assert found["deadline_miss_rate"] == 0
    assert found["mouth_to_pixel_ms"]["p95"] == pytest.approx(90, rel=0.01)
    assert found["first_frame_ms"] == pytest.approx(130)  # a frame of sound, 80, the margin
    assert found["algorithmic_ms"] == 60
    assert found["stages"]["frames"]["p50_ms"] == pytest.approx(7, rel=0.01)
    assert found["stages"]["screen"]["p95_ms"] == pytest.approx(10, rel=0.01)


def test_misses_agree_with_the_presenter_and_a_flush_is_none():
    simulation = Simulation()
    simulation.stream([k for k in range(60) if k != 20], 80)
    simulation.at(captured_ns(40), lambda: simulation.presenter.flush(1))
    simulation.stream(range(43, 80), 80, epoch=1)
    statistics = counted(simulation, captured_ns(81))
    assert statistics.periods["eased"] > 0
    counted_frames = statistics.frames - statistics.periods["eased"]
    assert statistics.deadline_miss_rate == pytest.approx(1 / counted_frames)
    assert simulation.presenter.counts.miss_rate == pytest.approx(1 / counted_frames)


def test_an_empty_session_reads_as_zero():
    found = SessionStatistics().to_dict()
    assert (found["fps"], found["frames"], found["deadline_miss_rate"]) == (0, 0, 0)
