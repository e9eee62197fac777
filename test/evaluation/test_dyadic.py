"""Dyadic measures on motion that is made so that the answer is known."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from talking_portrait_ros.evaluation import dyadic
from talking_portrait_ros.evaluation.dyadic_report import (
    answers_table,
    silent_table,
    speaking_table,
)
from talking_portrait_ros.evaluation.dyadic_runs import _long_run, autocorrelation, score_label
from talking_portrait_ros.evaluation.events import blinks, brow_raises, detection, nods
from talking_portrait_ros.evaluation.output import plain
from talking_portrait_ros.spaces import INDEX
from talking_portrait_ros.training.conversations.conversation import Conversation

N = 1000


def bump(at: int, rise: int, height: float, n: int = N) -> np.ndarray:
    curve = np.zeros(n, np.float32)
    t = np.arange(2 * rise + 1)
    curve[at : at + len(t)] = height * 0.5 * (1 - np.cos(np.pi * t / rise))
    return curve


def still(**columns: np.ndarray) -> np.ndarray:
    motion = np.zeros((N, 58), np.float32)
    for name, curve in columns.items():
        motion[:, INDEX[name]] = curve
    return motion


def conversation(motion: np.ndarray, ends=(), own=(), other=()) -> Conversation:
    """`own` and `other` are the stretches (frames) in which somebody speaks."""
    speaking = np.zeros((2, N), bool)
    for row, stretches in zip(speaking, (own, other), strict=True):
        for low, high in stretches:
            row[low:high] = True
    quiet = np.zeros(640 * N, np.float32)
    return Conversation(quiet, quiet, motion, speaking[0], speaking[1], np.asarray(ends, np.int64))


def test_two_dips_in_a_row_are_one_nod_and_drift_is_none() -> None:
    drift = 0.05 * np.sin(np.arange(N) / 60)
    pitch = drift + bump(200, 5, 0.06) + bump(212, 5, 0.04) + bump(600, 5, 0.06)
    found = nods(still(headPitch=pitch))
    assert len(found) == 2
    assert np.abs(found - [200, 600]).max() <= 2
    assert not len(nods(still(headPitch=drift)))


def test_brow_raises_and_blinks_are_found_where_they_begin() -> None:
    shut = bump(100, 3, 1.0) + bump(500, 3, 1.0)
    motion = still(browInnerUp=bump(300, 6, 0.4), eyeBlinkLeft=shut, eyeBlinkRight=shut)
    assert np.abs(brow_raises(motion) - [300]).max() <= 2
    assert np.abs(blinks(motion) - [100, 500]).max() <= 1


def test_a_detector_is_scored_by_what_is_near() -> None:
    score = detection([(np.array([10, 50]), np.array([11, 90, 200]))])
    assert (score.precision, score.recall, score.n) == (0.5, pytest.approx(1 / 3), 3)
    assert score.late_ms == -40


def test_answers_count_events_after_phrase_ends_while_listening() -> None:
    motion = still(headPitch=bump(108, 5, 0.06) + bump(510, 5, 0.06))
    one = conversation(motion, ends=(100, 300, 500), own=[(490, 600)], other=[(50, 100)])
    found = dyadic.answers([one], [motion])
    assert found["nod"].n == 2  # at the third one the face speaks
    assert found["nod"].rate.mean == 0.5
    assert found["nod"].delay_ms == pytest.approx(320, abs=40)
    assert np.isnan(found["blink"].delay_ms)


def test_phrase_ends_of_another_conversation_are_not_answered() -> None:
    motion = still(headPitch=bump(108, 5, 0.06))
    pair = [conversation(motion, ends=(100,)), conversation(still(), ends=(500, 2000))]
    exchanged = dyadic.with_others_ends(pair)
    assert exchanged[0].partner_phrase_ends.tolist() == [500]
    assert dyadic.answers(exchanged, [motion, still()])["nod"].rate.mean == 0


def test_nobody_to_answer_is_no_failure() -> None:
    found = dyadic.answers([conversation(still())], [still()])
    assert found["nod"].n == 0
    assert plain(found)["nod"]["rate"]["mean"] is None


def test_an_open_mouth_counts_only_while_the_partner_alone_speaks() -> None:
    jaw = np.zeros(N, np.float32)
    jaw[100:200] = jaw[400:500] = 0.3
    motion = still(jawOpen=jaw)
    one = conversation(motion, own=[(90, 205)], other=[(90, 205), (300, 700)])
    assert dyadic.open_share([one], [motion]) == pytest.approx(100 / 400, abs=0.01)


def test_a_frozen_face_is_told_from_a_living_one() -> None:
    frozen = still()
    shut = sum(bump(at, 3, 1.0) for at in range(20, 980, 100))
    living = still(headYaw=0.03 * np.sin(np.arange(N) / 12), eyeBlinkLeft=shut, eyeBlinkRight=shut)
    dead, alive = (dyadic.idle([conversation(m)], [m]) for m in (frozen, living))
    assert (dead.frozen, dead.blinks_per_minute, dead.head_deg) == (1, 0, 0)
    assert (alive.frozen, alive.blinks_per_minute) == (0, 15)


def test_lips_are_compared_with_the_label_while_the_own_side_speaks() -> None:
    label = still(jawOpen=0.3 + 0.3 * np.sin(np.arange(N) / 3))
    made = label.copy()
    made[:, INDEX["jawOpen"]] = np.roll(0.5 * label[:, INDEX["jawOpen"]], 2)
    found = dyadic.lips([conversation(label, own=[(100, 800)])], [made])
    assert found.lag_frames == -2
    assert found.gain == pytest.approx(0.5, abs=0.02)
    assert found.r.mean < 0.9
    with pytest.raises(ValueError, match="nobody speaks"):
        dyadic.lips([conversation(label)], [made])


def test_repetition_and_drift_show_in_a_long_run() -> None:
    minutes = 4
    generator = np.random.default_rng(1)
    noise = generator.normal(0, 1, (minutes * 1500, 3))
    repeated = np.resize(noise[:500], noise.shape) + np.linspace(0, 1, len(noise))[:, None]
    assert _long_run(noise, minutes, 0.0).highest_later < 0.1
    found = _long_run(repeated, minutes, 0.0)
    assert found.highest_later > 0.8
    assert found.drift_deg[0] == pytest.approx(0.75, abs=0.1)
    assert autocorrelation(noise[:, 0], 10)[0] == pytest.approx(1)


def test_the_reports_name_every_generator_and_condition() -> None:
    moving = still(jawOpen=0.3 + 0.3 * np.sin(np.arange(N) / 3))
    score = score_label([conversation(moving, ends=(100,), own=[(300, 900)], other=[(20, 100)])])
    console = Console(record=True, width=120, file=io.StringIO())
    console.print(speaking_table([score]), silent_table([score]), answers_table([score]))
    text = console.export_text()
    assert text.count("label") == 3
    assert "1.00 [1.00, 1.00]" in text
    assert "nan" not in text


def test_figures_become_plain_values() -> None:
    one = conversation(still(), ends=(100,))
    values = plain(dyadic.answers([one], [one.motion]))
    assert values["nod"]["n"] == 1
    assert values["nod"]["delay_ms"] is None
