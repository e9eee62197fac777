"""The lip evaluation on made-up clips: scores, chance, differences, tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from talking_portrait_ros.evaluation.clips import Clip, data_folder, load_clips
from talking_portrait_ros.evaluation.lips import (
    LINEAR,
    LOUDNESS,
    LipsReport,
    chance,
    difference,
    rival_methods,
    scored,
)
from talking_portrait_ros.evaluation.output import plain
from talking_portrait_ros.evaluation.report import (
    differences_table,
    lips_dict,
    lips_notes,
    lips_table,
    plot_lips,
    save_json,
    silence_table,
)
from talking_portrait_ros.evaluation.runner import opening_of
from talking_portrait_ros.evaluation.silence import Quiet
from talking_portrait_ros.evaluation.tracker import FaceTrack
from talking_portrait_ros.spaces import INDEX, MOTION_WIDTH
from talking_portrait_ros.timebase import Timebase

N_FRAMES = 80


def _clip(seed: int, lag: int = 0) -> Clip:
    random = np.random.default_rng(seed)
    envelope = np.convolve(random.uniform(0, 1, N_FRAMES), np.hanning(7) / 3, "same")
    sound = np.repeat(envelope, 640) * random.normal(0, 0.1, N_FRAMES * 640)
    gap = np.roll(envelope, lag)
    still = np.zeros(N_FRAMES)
    track = FaceTrack(gap, still, still, still, still, still, np.ones(N_FRAMES))
    return Clip(f"clip{seed}", Path("x.mp4"), sound.astype(np.float32), track, lag, "index")


@pytest.fixture(scope="module")
def clips():
    return [_clip(seed, lag=seed % 3) for seed in range(5)]


@pytest.fixture(scope="module")
def report(clips):
    rivals = rival_methods(clips, Timebase())
    curves = [np.roll(c.track.gap, -c.lag_frames) for c in clips]
    made = scored("p rendered", curves, clips)
    return LipsReport(
        clips=clips,
        methods=[*rivals, made],
        chance={made.name: chance(curves, clips)},
        differences=[difference(made, rival) for rival in rivals],
        in_step={},
        lookahead_ms={"p": 60.0},
        settings={"resolution": 64},
    )


def test_rivals_are_scored_at_the_lag_of_each_clip(report):
    assert report.method(LOUDNESS).estimate.mean > 0.8
    assert report.method(LINEAR).estimate.mean > 0.7


def test_perfect_lips_score_one_and_swapped_ones_nothing(report):
    assert report.method("p rendered").own == pytest.approx([1] * 5)
    swapped = report.chance["p rendered"]
    assert abs(swapped.median) < 0.3
    assert swapped.median < swapped.percentile_95 < 0.6


def test_difference_is_paired_over_clips(report):
    loud = report.differences[0]
    assert loud.n_better == 5
    assert loud.estimate.mean == pytest.approx(1 - report.method(LOUDNESS).estimate.mean)


def test_report_prints_stores_and_plots_every_figure(report, tmp_path):
    console = Console(width=140, record=True, file=(tmp_path / "out").open("w"))
    console.print(lips_table(report), differences_table(report))
    text = console.export_text()
    assert "5 clips" in text
    assert "5 of 5" in text
    assert lips_notes(report) == ["lags of the clips: index"]
    save_json(lips_dict(report), tmp_path / "a" / "lips.json")
    stored = json.loads((tmp_path / "a" / "lips.json").read_text())
    assert stored["methods"]["p rendered"]["own"]["n"] == 5
    assert stored["clips"]["clip2"]["lag_frames"] == 2
    plot_lips(report, tmp_path / "lips.png")
    assert (tmp_path / "lips.png").stat().st_size > 10_000


def test_opening_is_the_jaw_less_what_closed_lips_take_back():
    motion = np.zeros((3, MOTION_WIDTH), np.float32)
    motion[1:, INDEX["jawOpen"]] = 0.5
    motion[2, INDEX["mouthClose"]] = 1
    assert opening_of(motion).tolist() == [0, 0.5, 0]


def test_folder_without_clips_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no such folder"):
        load_clips(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no videos"):
        load_clips(tmp_path)


def test_missing_data_folder_names_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("TALKING_PORTRAIT_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="TALKING_PORTRAIT_DATA"):
        data_folder("talking")


def test_real_clips_carry_their_lag_and_follow_the_linear_rival():
    pytest.importorskip("mediapipe")
    try:
        folder = data_folder("talking")
    except ValueError as absent:
        pytest.skip(str(absent))
    from talking_portrait_ros.evaluation import clips as module

    lags_ms = module._indexed_lags_ms(folder)
    assert lags_ms["vretalk_5.mp4"] == 80
    assert len(lags_ms) >= 11


def test_results_without_a_number_become_null_in_the_stored_report(tmp_path):
    sounds = [Quiet("loud", 0, float("nan"), 3.0, 0.02), Quiet("pause", 9, 1.0, 0.1, 0.001)]
    save_json(plain(sounds), tmp_path / "quiet.json")
    assert json.loads((tmp_path / "quiet.json").read_text())[0]["closed"] is None
    console = Console(width=140, record=True, file=(tmp_path / "out").open("w"))
    console.print(silence_table(sounds))
    assert "no pause" in console.export_text()
