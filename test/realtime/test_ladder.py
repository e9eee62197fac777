"""The degrade ladder with work that the test makes up."""

from __future__ import annotations

import pytest

from talking_portrait_ros.realtime.ladder import Ladder
from talking_portrait_ros.stage import Rung

RUNGS = (Rung("all", 1.0), Rung("half", 0.5), Rung("quarter", 0.25))
FRAME_MS = 40.0


class Stage:
    """A stage whose frames take `cost_ms` each, on its best rung; counts what waits."""

    def __init__(self, rungs=RUNGS, budget=0.9):
        self.ladder = Ladder(rungs, budget)
        self.rungs = rungs
        self.behind_ms = 0.0
        self.frame = 0
        self.changes = []

    def run(self, n_frames, cost_ms, block=1):
        """Draw frames in blocks; the rung after each."""
        for _ in range(n_frames // block):
            every = round(1 / self.rungs[self.ladder.rung].cost)
            drawn = sum((self.frame + i) % every == 0 for i in range(block))
            self.frame += block
            work_ms, stream_ms = drawn * cost_ms, block * FRAME_MS
            self.behind_ms = max(0.0, self.behind_ms + work_ms - stream_ms)
            if self.ladder.spent(work_ms, stream_ms, self.behind_ms):
                self.changes.append((self.frame, self.ladder.rung))
        return self.ladder.rung


def test_the_empty_chunk_that_ends_a_stream_is_no_load():
    ladder = Ladder(RUNGS, 0.9)
    assert not ladder.spent(20.0, 160.0, 0.0)
    assert not ladder.spent(0.1, 0.0, 0.0)
    assert not ladder.spent(0.1, 0.0, 500.0)
    assert ladder.rung == 0


def test_work_within_the_budget_stays_on_the_best_rung():
    stage = Stage()
    assert stage.run(500, 34.0) == 0
    assert stage.ladder.reason == ""


def test_a_slow_stage_steps_down_before_it_is_a_tenth_of_a_second_behind():
    stage = Stage()
    stage.run(100, 15.0)
    stage.run(10, 60.0)
    assert stage.ladder.rung == 1
    assert stage.behind_ms < 100
    assert "half" in stage.ladder.reason
    assert "% of the time" in stage.ladder.reason


def test_a_slow_stage_keeps_the_pace_on_the_lower_rung_and_stays_there():
    stage = Stage()
    stage.run(500, 60.0)
    assert stage.changes == [(3, 1)]
    assert stage.behind_ms <= 60


def test_very_slow_work_goes_all_the_way_down_and_no_further():
    stage = Stage()
    stage.run(200, 200.0)
    assert stage.ladder.rung == 2


@pytest.mark.parametrize("hiccup_ms", [150.0, 400.0])
def test_a_single_hiccup_changes_nothing(hiccup_ms):
    stage = Stage()
    stage.run(100, 15.0)
    stage.run(1, hiccup_ms)
    stage.run(100, 15.0)
    assert stage.changes == []


def test_a_single_slow_block_changes_nothing():
    stage = Stage()
    stage.run(4, 80.0, block=4)
    stage.run(100, 15.0, block=4)
    stage.run(4, 80.0, block=4)
    stage.run(100, 15.0, block=4)
    assert stage.changes == []
    stage.run(12, 80.0, block=4)
    assert stage.ladder.rung == 1


def test_with_headroom_the_stage_climbs_within_two_seconds():
    stage = Stage()
    stage.run(100, 120.0)
    assert stage.ladder.rung == 2
    stage.run(50, 15.0)
    assert stage.ladder.rung == 0
    assert stage.ladder.reason == ""


def test_without_headroom_the_stage_does_not_try():
    stage = Stage()
    stage.run(100, 60.0)
    assert stage.run(500, 38.0) == 1


def climb_frames(stage):
    """How many frames of cheap work it takes to get to the best rung."""
    assert stage.ladder.rung
    n_frames = 0
    while stage.ladder.rung and n_frames < 500:
        n_frames += 1
        stage.run(1, 15.0)
    return n_frames


def test_a_climb_that_did_not_hold_makes_the_next_one_wait_twice_as_long():
    stage = Stage()
    stage.run(6, 60.0)
    first = climb_frames(stage)
    for _ in range(3):
        stage.run(6, 60.0)
        assert 1.5 * first < climb_frames(stage) < 35


def test_a_climb_that_holds_makes_the_next_one_quick_again():
    stage = Stage()
    stage.run(6, 60.0)
    first = climb_frames(stage)
    stage.run(6, 60.0)
    second = climb_frames(stage)
    stage.run(200, 15.0)
    stage.run(6, 60.0)
    assert climb_frames(stage) == pytest.approx(first, abs=3)
    assert second > 1.5 * first


def test_blocks_are_judged_one_by_one():
    stage = Stage()
    stage.run(32, 60.0, block=16)
    assert stage.ladder.rung == 1


def test_a_stage_with_one_way_to_work_has_nothing_to_step_down_to():
    ladder = Ladder([Rung("all", 1.0)], 0.9)
    assert not any(ladder.spent(90.0, FRAME_MS, 0.0) for _ in range(50))
    assert ladder.rung == 0
