"""Idle life: repeatable, cut anywhere, within what people do."""

import math

import numpy as np
import pytest

from talking_portrait_ros.latents.idle import IdleConfig, IdleLife
from talking_portrait_ros.spaces import MOTION_NAMES

FPS = 25
COLUMN = {name: i for i, name in enumerate(MOTION_NAMES)}
BLINK = COLUMN["eyeBlinkLeft"]
GAZE = [i for name, i in COLUMN.items() if name.startswith("eyeLook")]
BROW = [i for name, i in COLUMN.items() if name.startswith("brow")]
HEAD = slice(52, 58)
AMPLITUDES = dict.fromkeys(("blink", "gaze", "breathing", "head", "brow", "smile"), 0.0)


def voice(n_frames: int, first_frame: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Speech for 6 of every 8 seconds with a stressed syllable every 0.6 s."""
    frame = np.arange(first_frame, first_frame + n_frames)
    speech = (frame % (8 * FPS) < 6 * FPS).astype(np.float32)
    stress = speech * (frame % 15 < 4)
    return speech, stress.astype(np.float32)


def perform(n_frames: int, first_frame: int = 0, **config: float) -> np.ndarray:
    life = IdleLife(IdleConfig(**config), FPS)
    return life.step(first_frame, *voice(n_frames, first_frame), life.start())


@pytest.fixture(scope="module")
def minutes() -> np.ndarray:
    """Three minutes of the default performance, [4500, 58]."""
    return perform(180 * FPS)


def test_chunked_equals_whole_bit_for_bit(minutes: np.ndarray) -> None:
    life = IdleLife(IdleConfig(), FPS)
    state = life.start()
    speech, stress = voice(1100)
    cuts = [0, 1, 2, 9, 50, 51, 498, 503, 1100]
    pieces = [
        life.step(a, speech[a:b], stress[a:b], state) for a, b in zip(cuts, cuts[1:], strict=False)
    ]
    assert np.array_equal(np.concatenate(pieces), minutes[:1100])


def test_a_stream_may_begin_anywhere(minutes: np.ndarray) -> None:
    life = IdleLife(IdleConfig(), FPS)
    silence = np.zeros(100, np.float32)
    whole = life.step(0, np.zeros(900, np.float32), np.zeros(900, np.float32), life.start())
    assert np.array_equal(life.step(800, silence, silence, life.start()), whole[800:])


def test_same_seed_same_life_other_seed_another() -> None:
    assert np.array_equal(perform(200, seed=3), perform(200, seed=3))
    for column in (GAZE, HEAD):
        assert not np.allclose(perform(200, seed=3)[:, column], perform(200, seed=4)[:, column])


def test_amplitudes_of_zero_leave_nothing() -> None:
    assert not perform(600, **AMPLITUDES).any()


@pytest.mark.parametrize(
    ("amplitude", "columns"),
    [("blink", [BLINK]), ("gaze", GAZE), ("brow", BROW), ("head", [53, 54, 55])],
)
def test_each_amplitude_switches_off_its_own_motion(amplitude: str, columns: list[int]) -> None:
    rest = perform(600)
    without = perform(600, **{amplitude: 0.0})
    assert not without[:, columns].any()
    others = [i for i in range(58) if i not in columns and not (amplitude == "head" and i in GAZE)]
    others = [i for i in others if not (amplitude == "head" and i in (52, 56))]
    others = [i for i in others if not (amplitude == "blink" and i == COLUMN["eyeBlinkRight"])]
    assert np.array_equal(without[:, others], rest[:, others])


def test_breathing_alone_sways_at_a_quarter_hertz() -> None:
    sway = perform(120 * FPS, **{**AMPLITUDES, "breathing": 1.0})[:, COLUMN["headY"]]
    crossings = np.sum((sway[:-1] < 0) & (sway[1:] >= 0))
    assert 0.2 < crossings / 120 < 0.3
    assert 0.003 < np.abs(sway).max() < 0.02


def test_weights_are_weights_and_the_mouth_is_left_to_the_caller() -> None:
    motion = perform(60 * FPS, **dict.fromkeys(AMPLITUDES, 2.0))
    weights = motion[:, :52]
    assert weights.min() >= 0
    assert weights.max() <= 1
    mouth = [i for n, i in COLUMN.items() if n.startswith(("jaw", "mouth", "tongue", "cheek"))]
    smile = [COLUMN["mouthSmileLeft"], COLUMN["mouthSmileRight"]]
    assert not motion[:, [i for i in mouth if i not in smile]].any()
    assert motion[:, smile].max() < 0.2


def test_blinks_come_and_go_as_in_people(minutes: np.ndarray) -> None:
    shut = np.concatenate([[0], minutes[:, BLINK], [0]]) > 0
    starts, ends = np.flatnonzero(shut[1:] & ~shut[:-1]), np.flatnonzero(~shut[1:] & shut[:-1])
    per_minute = len(starts) / 3
    assert 8 <= per_minute <= 30
    assert (ends - starts).max() <= 0.5 * FPS
    peaks = [minutes[a:b, BLINK].max() for a, b in zip(starts, ends, strict=True)]
    assert min(peaks) == 1.0
    assert np.array_equal(minutes[:, BLINK], minutes[:, COLUMN["eyeBlinkRight"]])


def test_head_stays_near_and_never_jumps(minutes: np.ndarray) -> None:
    turn = np.degrees(minutes[:, 52:55])
    assert np.abs(turn).max() < 8
    assert turn.std(0).min() > 0.2
    assert np.abs(np.diff(turn, axis=0)).max() < 0.8
    assert np.abs(minutes[:, 55:58]).max() < 0.03
    assert np.abs(np.diff(minutes[:, 55:58], axis=0)).max() < 0.003
    correlation = np.corrcoef(turn.T) - np.eye(3)
    assert np.abs(correlation).max() < 0.4


def test_eyes_move_together_and_mostly_meet_the_camera(minutes: np.ndarray) -> None:
    right = minutes[:, COLUMN["eyeLookOutLeft"]] - minutes[:, COLUMN["eyeLookInLeft"]]
    other = minutes[:, COLUMN["eyeLookInRight"]] - minutes[:, COLUMN["eyeLookOutRight"]]
    assert np.array_equal(right, other)
    away = np.abs(right + minutes[:, COLUMN["headYaw"]] / 0.6) > 0.06
    assert 0.05 < away.mean() < 0.5
    assert np.abs(right).max() < 0.5


def test_stressed_syllables_raise_brows_and_nod() -> None:
    life = IdleLife(IdleConfig(), FPS)
    silence = np.zeros(1000, np.float32)
    quiet = life.step(0, silence, silence, life.start())
    spoken = life.step(0, np.ones(1000, np.float32), voice(1000)[1], life.start())
    brow, pitch = COLUMN["browInnerUp"], COLUMN["headPitch"]
    assert spoken[:, brow].max() > quiet[:, brow].max() + 0.15
    assert math.degrees(float((spoken - quiet)[:, pitch].max())) > 1
    shouting_in_silence = life.step(0, silence, voice(1000)[1], life.start())
    assert np.array_equal(shouting_in_silence, quiet)


def test_speech_and_stress_of_other_lengths_are_refused() -> None:
    life = IdleLife(IdleConfig(), FPS)
    with pytest.raises(ValueError, match="speech"):
        life.step(0, np.zeros(3, np.float32), np.zeros(2, np.float32), life.start())
