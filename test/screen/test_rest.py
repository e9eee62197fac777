"""The face at rest: which picture it is, and when it is shown."""

from __future__ import annotations

import numpy as np
from helpers.presentation import MS, Simulation, captured_ns

from talking_portrait_ros.screen.rest import RestingFace

LOUD = np.full(640, 0.3, np.float32)
QUIET = np.zeros(640, np.float32)


def picture(level):
    return np.full((4, 4, 3), level, np.uint8)


def test_the_newest_quiet_picture_is_kept_and_none_of_speech():
    rest = RestingFace()
    for level in range(20):
        rest.see(picture(level), QUIET)
    for level in range(100, 200):
        rest.see(picture(level), LOUD)
    assert rest.image[0, 0, 0] == 13


def test_lips_that_open_before_the_sound_are_not_at_rest():
    rest = RestingFace()
    for _ in range(20):
        rest.see(picture(1), QUIET)
    for _ in range(6):
        rest.see(picture(200), QUIET)
    for _ in range(20):
        rest.see(picture(250), LOUD)
    assert rest.image[0, 0, 0] == 1


def test_a_picture_right_after_speech_is_not_yet_at_rest():
    rest = RestingFace()
    for _ in range(10):
        rest.see(picture(1), QUIET)
    for _ in range(5):
        rest.see(picture(100), LOUD)
    for _ in range(8):
        rest.see(picture(50), QUIET)
    assert rest.image[0, 0, 0] == 1
    for _ in range(40):
        rest.see(picture(2), QUIET)
    assert rest.image[0, 0, 0] == 2


def test_noise_without_silence_still_gives_the_quietest_picture():
    rest = RestingFace()
    for _ in range(10):
        rest.see(picture(1), LOUD)
    for _ in range(20):
        rest.see(picture(2), LOUD / 10)
    for _ in range(50):
        rest.see(picture(3), LOUD)
    assert rest.image[0, 0, 0] == 2


def talking(quiet_frames, loud_frames):
    """Quiet frames, then loud ones, each frame's picture being its number."""
    simulation = Simulation()
    simulation.stream(range(quiet_frames), 80, samples=QUIET)
    simulation.stream(range(quiet_frames, quiet_frames + loud_frames), 80, samples=LOUD)
    return simulation


def test_without_frames_the_face_is_held_shortly_and_then_goes_to_rest():
    simulation = talking(20, 10)
    simulation.run(captured_ns(50))
    without = [p for p in simulation.periods if p.kind != "own"]
    assert [p.kind for p in without[:4]] == ["held"] * 2 + ["bridged"] * 2
    assert [int(p.image[0, 0, 0]) for p in without[:4]] == [29, 29, 21, 13]
    assert {int(p.image[0, 0, 0]) for p in without[4:]} == {13}


def test_frames_that_come_back_are_faded_in():
    simulation = talking(20, 10)
    simulation.stream(range(60, 80), 80, samples=LOUD)
    simulation.run(captured_ns(80))
    back = next(i for i, p in enumerate(simulation.periods) if p.frame == 60)
    levels = [int(p.image[0, 0, 0]) for p in simulation.periods[back - 1 : back + 3]]
    assert simulation.periods[back].kind == "own"
    assert levels[0] == 13
    assert 13 < levels[1] < levels[2] < levels[3] == 62


def test_a_flush_in_speech_shows_the_face_at_rest_within_two_periods():
    simulation = talking(20, 10)
    flushed_ns = captured_ns(27) + 5 * MS
    simulation.at(flushed_ns, lambda: simulation.presenter.flush(1))
    simulation.run(captured_ns(40))
    after = [p for t, p in simulation.out if t >= flushed_ns]
    assert int(after[1].image[0, 0, 0]) == 13
