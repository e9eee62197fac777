"""Movement and long sessions on a made-up pipeline whose pictures are known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from talking_portrait_ros.evaluation import life
from talking_portrait_ros.evaluation.clips import Clip
from talking_portrait_ros.evaluation.life_report import plot_session, session_notes
from talking_portrait_ros.evaluation.tracker import FaceTrack
from talking_portrait_ros.frames.avatar import drawn_avatar
from talking_portrait_ros.frames.portrait import crop_face
from talking_portrait_ros.timebase import Timebase

SIDE = 96


class _Fading:
    """Shows the portrait, blurred a little more every minute."""

    name = "fading"
    timebase = Timebase()

    def __init__(self, fades: bool) -> None:
        self._fades = fades

    def frames(self, samples, references):
        picture = crop_face(references.first, SIDE).image
        for index in range(len(samples) // 640):
            sigma = 0.3 * (index // life.FRAMES_PER_MINUTE) if self._fades else 0
            yield cv2.GaussianBlur(picture, (0, 0), sigma) if sigma else picture


def _clip(yaw: float) -> Clip:
    swing = yaw * np.sin(np.arange(50))
    track = FaceTrack(swing, swing, swing, swing, swing, swing, np.ones(50))
    return Clip("swing", Path("x.mp4"), np.ones(50 * 640, np.float32), track, 0, "index")


def test_a_face_that_stays_itself_and_one_that_fades_are_told_apart(tmp_path) -> None:
    sessions = {
        fades: life.evaluate_long_session(_Fading(fades), [_clip(1)], drawn_avatar(), 3)
        for fades in (False, True)
    }
    steady, fading = sessions[False], sessions[True]
    assert len(steady) == 3
    assert all(minute.likeness == pytest.approx(1) for minute in steady)
    assert steady[0].sharpness == pytest.approx(steady[-1].sharpness)
    assert fading[-1].sharpness < 0.9 * fading[0].sharpness
    assert fading[-1].likeness < 0.999
    assert "sharpness +0.0%" in session_notes("steady", steady)[0]
    plot_session({"fading": fading}, tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 1000


def test_movement_is_that_of_the_made_face_over_that_of_the_speaker(monkeypatch) -> None:
    monkeypatch.setattr(life, "track_frames", lambda frames, name: _clip(0.5).track)
    seeds = []

    def runner_of(seed):
        seeds.append(seed)
        return _Fading(False)

    clips = [_clip(1.0), _clip(1.0)]
    movements = life.evaluate_movement("fading", runner_of, clips, drawn_avatar())
    assert seeds == [0, 1]
    assert [movement.measure for movement in movements] == list(life.MEASURES)
    assert all(movement.ratio == pytest.approx(0.5) for movement in movements)


def test_a_session_too_short_for_drift_is_refused() -> None:
    with pytest.raises(ValueError, match="long-minutes=1"):
        life.evaluate_long_session(_Fading(False), [_clip(1)], drawn_avatar(), 1)
