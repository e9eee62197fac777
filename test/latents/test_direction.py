"""Gaze targets and expressions."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from talking_portrait_ros.latents.direction import (
    EXPRESSIONS,
    FULL_LOOK,
    Direction,
    Director,
    Expression,
    Gaze,
    Steering,
)
from talking_portrait_ros.spaces import INDEX, MOTION_WIDTH


def rest():
    return np.zeros(MOTION_WIDTH, np.float32)


def settled(wish, n=120):
    """The face at rest, `n` frames after a wish."""
    steering = Steering()
    for _ in range(n):
        row = rest()
        steering.follow(row, wish)
    return row


def test_without_a_wish_nothing_is_changed():
    row = np.linspace(0, 1, MOTION_WIDTH, dtype=np.float32)
    before = row.copy()
    Steering().follow(row, Direction())
    assert np.array_equal(row, before)


def test_eyes_and_head_together_reach_the_target():
    row = settled(Direction(gaze=Gaze(yaw=0.4, pitch=-0.2)))
    yaw = FULL_LOOK * (row[INDEX["eyeLookOutLeft"]] - row[INDEX["eyeLookInLeft"]])
    pitch = FULL_LOOK * (row[INDEX["eyeLookDownLeft"]] - row[INDEX["eyeLookUpLeft"]])
    assert yaw + row[INDEX["headYaw"]] == pytest.approx(0.4, abs=0.01)
    assert pitch + row[INDEX["headPitch"]] == pytest.approx(-0.2, abs=0.01)
    assert 0 < row[INDEX["headYaw"]] < 0.4


def test_eyes_are_quicker_than_the_head():
    row = settled(Direction(gaze=Gaze(0.4, 0.0)), n=4)
    eyes = FULL_LOOK * row[INDEX["eyeLookOutLeft"]]
    assert eyes > 0.2 > 0.1 > row[INDEX["headYaw"]]


def test_eyes_that_are_held_ignore_where_the_generator_looks():
    steering, wish = Steering(), Direction(gaze=Gaze(0.0, 0.0))
    for _ in range(60):
        row = rest()
        row[INDEX["eyeLookUpLeft"]] = 0.5
        steering.follow(row, wish)
    assert row[INDEX["eyeLookUpLeft"]] < 0.01


def test_the_face_goes_back_to_itself_when_the_wish_ends():
    steering = Steering()
    wish = Direction(Gaze(0.5, 0.3), Expression.named("happy"))
    for _ in range(60):
        steering.follow(rest(), wish)
    for _ in range(150):
        row = rest()
        steering.follow(row, Direction())
    assert np.abs(row).max() < 1e-3


def test_a_point_is_seen_at_its_angle():
    gaze = Gaze.at(1.0, 0.0, 1.0)
    assert gaze.yaw == pytest.approx(math.pi / 4) and gaze.pitch == 0
    assert Gaze.at(0.0, -1.0, 1.0).pitch == pytest.approx(-math.pi / 4)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_a_named_expression_shows_on_both_sides_and_scales(name):
    full, half = (Expression.named(name, strength).row() for strength in (1.0, 0.5))
    np.testing.assert_allclose(half, full / 2, atol=1e-6)
    assert full[INDEX["mouthSmileLeft"]] == full[INDEX["mouthSmileRight"]]


def test_feelings_that_are_none_show_nothing_and_joy_smiles():
    assert not Expression.felt(0.0, 0.0).row().any()
    assert Expression.felt(0.9, 0.3).row()[INDEX["mouthSmileLeft"]] > 0.3
    assert Expression.felt(-0.8, -0.5).row()[INDEX["mouthFrownLeft"]] > 0.3


def test_an_expression_leaves_room_for_speech():
    row = rest()
    row[INDEX["jawOpen"]] = 0.5
    steering = Steering()
    for _ in range(100):
        moved = row.copy()
        steering.follow(moved, Direction(expression=Expression.named("surprised")))
    assert 0.5 < moved[INDEX["jawOpen"]] < 0.65
    assert moved.max() <= 1


def test_wishes_from_many_threads_are_not_lost():
    director = Director()

    def look():
        for k in range(200):
            director.look(Gaze(0.001 * k, 0.0))

    def feel():
        for k in range(200):
            director.feel(Expression({"jawOpen": k / 200}))

    threads = [threading.Thread(target=work) for work in (look, feel)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert director.wish.gaze == Gaze(0.199, 0.0)
    assert director.wish.expression == Expression({"jawOpen": 199 / 200})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Gaze(2.0, 0.0), r"Gaze.yaw=2.0"),
        (lambda: Gaze(0.0, math.nan), r"Gaze.pitch=nan"),
        (lambda: Gaze.at(0.0, 0.0, -1.0), "in front of the face"),
        (lambda: Gaze.at(math.inf, 0.0, 1.0), r"Gaze.at.x=inf"),
        (lambda: Expression({"eyebrow": 0.5}), "'eyebrow' is no ARKit blendshape"),
        (lambda: Expression({"jawOpen": 1.5}), "'jawOpen'.*=1.5"),
        (lambda: Expression.named("hungry"), "expression='hungry': choose one of neutral"),
        (lambda: Expression.named("happy", 2.0), "intensity=2.0"),
        (lambda: Expression.felt(0.0, -3.0), "arousal=-3.0"),
    ],
)
def test_wishes_that_cannot_be_are_refused_by_name(make, words):
    with pytest.raises(ValueError, match=words):
        make()
