"""The rig acceptance on a face whose answers are known, and the sounds of the silence check."""

from __future__ import annotations

import numpy as np
import pytest

from talking_portrait_ros.evaluation import rig
from talking_portrait_ros.evaluation.curves import correlation
from talking_portrait_ros.evaluation.rig import every_nth, motion_of, speech_like_opening
from talking_portrait_ros.evaluation.silence import settled_pauses, sounds_without_speech
from talking_portrait_ros.evaluation.tracker import FaceTrack, track_frames
from talking_portrait_ros.frames.avatar import drawn_avatar
from talking_portrait_ros.pipeline import build_stage
from talking_portrait_ros.spaces import INDEX
from talking_portrait_ros.stage_specs import StageSpec
from talking_portrait_ros.timebase import Timebase

TIMEBASE = Timebase()


def test_speech_like_opening_moves_and_has_two_long_silences():
    opening = speech_like_opening()
    assert 0.4 < opening.max() <= 0.7
    assert opening.min() == 0
    silent = rig._settled_silence(opening)
    assert silent.sum() >= 20
    assert np.flatnonzero(np.diff(silent.astype(int)) == 1).size >= 2


def test_motion_moves_only_what_is_named():
    motion = motion_of(4, jawOpen=np.arange(4) / 10)
    assert motion[:, INDEX["jawOpen"]].tolist() == pytest.approx([0, 0.1, 0.2, 0.3])
    assert motion.sum() == pytest.approx(0.6)


def test_people_are_chosen_by_rule(tmp_path):
    for name in "abcdefg":
        (tmp_path / f"{name}.jpg").touch()
    assert [p.stem for p in every_nth(tmp_path, 3, 2)] == ["a", "d"]
    with pytest.raises(ValueError, match="no pictures"):
        every_nth(tmp_path / "..", 1, 1)


def test_pause_frames_leave_out_closing_and_anticipation():
    loud = np.random.default_rng(0).normal(0, 0.1, 25 * 640).astype(np.float32)
    sound = np.concatenate([loud, np.zeros(20 * 640, np.float32), loud])
    assert np.flatnonzero(settled_pauses(sound, TIMEBASE)).tolist() == list(range(30, 42))


def test_sounds_without_speech_are_as_loud_as_their_names_say():
    for name, sound in sounds_without_speech(TIMEBASE, seconds=1.0).items():
        level_db = 10 * np.log10((sound.astype(np.float64) ** 2).mean() + 1e-12)
        if "dB" in name:
            assert level_db == pytest.approx(float(name.split()[-2]), abs=0.5)
        else:
            assert level_db < -110


def test_score_is_that_of_a_face_which_obeys_a_frame_late_and_turns_too_little(monkeypatch):
    def obeying(stage, reference, name, **curves):
        n_frames = len(next(iter(curves.values())))
        still = np.zeros(n_frames)
        gap = 0.2 * np.roll(curves.get("jawOpen", still), 1)
        ear = 0.3 - 0.27 * curves.get("eyeBlinkLeft", still)
        yaw, pitch = 0.8 * curves.get("headYaw", still), curves.get("headPitch", still)
        return FaceTrack(gap, still, ear, still, yaw, pitch, np.ones(n_frames))

    monkeypatch.setattr(rig, "_measured", obeying)
    score = rig.score_reference(None, drawn_avatar(), "obeying")
    assert score.lag_frames == 1
    assert score.speech_r == pytest.approx(1)
    assert score.closed == 1
    assert score.ear_shut == pytest.approx(0.1)
    assert score.ear_r == pytest.approx(-1)
    assert (score.yaw_gain, score.pitch_gain) == (pytest.approx(0.8), pytest.approx(1))


def test_lips_of_the_avatar_follow_the_commanded_opening():
    pytest.importorskip("mediapipe")
    stage = build_stage("frames", StageSpec("rig", {"resolution": 192}))
    opening = np.array([0, 0.1, 0.3, 0.6, 0.3, 0, 0, 0.5, 0.2, 0])
    track = track_frames(rig.render_motion(stage, drawn_avatar(), motion_of(10, jawOpen=opening)))
    assert correlation(opening, track.gap) > 0.95
