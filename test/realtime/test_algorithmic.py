from __future__ import annotations

import pytest

from talking_portrait_ros.pipeline import build_pipeline
from talking_portrait_ros.realtime.algorithmic import MAX_STAGES, ToldDelays, told
from talking_portrait_ros.stage import Clock
from talking_portrait_ros.timebase import Timebase


@pytest.mark.parametrize(
    ("preset_name", "ms"), [("rig_256", 60), ("dyadic_512_la40", 40), ("block_flow_512", 660)]
)
def test_what_the_stages_tell_adds_up_to_the_delay_of_the_pipeline(preset_name, ms):
    pipeline, delays = build_pipeline(preset_name), ToldDelays()
    for kind, stage in pipeline.stages:
        delays.hear({"rate_hz": "25.0", **told(kind, stage.clock)})
    assert delays.total_ms == pytest.approx(ms)
    assert delays.total_ms == pytest.approx(pipeline.delay_samples / 16)


def test_a_stage_that_tells_again_replaces_what_it_told_before():
    delays = ToldDelays()
    for lookahead in (960, 320):
        delays.hear(told("features", Clock(Timebase(), lookahead_samples=lookahead)))
    assert delays.total_ms == 20


@pytest.mark.parametrize("value", ["soon", "nan", "-1", "5001", ""])
def test_a_value_that_is_no_delay_is_refused_and_changes_nothing(value):
    delays = ToldDelays()
    delays.hear(told("features", Clock(Timebase(), lookahead_samples=960)))
    with pytest.raises(ValueError, match=f"fill_ms='{value}': expected 0 to 5000 milliseconds"):
        delays.hear({"features.lookahead_ms": "80", "features.fill_ms": value})
    assert delays.total_ms == 60


def test_names_without_end_are_not_kept():
    delays = ToldDelays()
    for index in range(2 * MAX_STAGES):
        delays.hear({f"stage{index}.lookahead_ms": "1", f"stage{index}.fill_ms": "0"})
    assert delays.total_ms == MAX_STAGES
