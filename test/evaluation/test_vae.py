"""Trials of a VAE whose answers are known, and the tables that are made of them."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from helpers.footage import SIDE, avatar_frames, write_pictures

from talking_portrait_ros.evaluation import vae_report
from talking_portrait_ros.evaluation.fidelity import psnr_db
from talking_portrait_ros.evaluation.vae import Score, Source, Trial, try_clip
from talking_portrait_ros.evaluation.vae_clips import try_people, try_videos
from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.decoder import Painting
from talking_portrait_ros.nn.memory import Memory


class Perfect(torch.nn.Module):
    """Loses nothing, but shows its first frame for ever where it has no reference."""

    def __init__(self):
        super().__init__()
        self.config = ReferenceVaeConfig(resolution=SIDE, linear_cells=1, paint_stride=1)
        self.register_parameter("weight", torch.nn.Parameter(torch.zeros(1)))

    def encoder_memory(self, *size):
        return Memory([])

    decoder_memory = encoder_memory

    def encode(self, frames, memory):
        return SimpleNamespace(mean=frames)

    def encode_references(self, references):
        return SimpleNamespace(n=references.shape[1], first=None)

    def paint(self, latents, cache, memory):
        if cache.first is None:
            cache.first = latents[:, :1]
        frames = latents if cache.n else cache.first.expand_as(latents)
        return Painting(frames.permute(0, 1, 3, 4, 2).contiguous(), None, None, None)


@pytest.fixture
def source():
    frames = avatar_frames(20)
    return Source("avatar", iter(frames), 20, list(frames[[0, 10, 19]]))


def test_a_perfect_vae_is_as_good_as_can_be_and_moves_the_same_lips(source, tmp_path):
    pytest.importorskip("mediapipe")
    trial = try_clip({"perfect": Perfect()}, source, tmp_path / "sheets" / "a.jpg")
    frames = avatar_frames(20)
    with_one, without = trial.scores["perfect"][1], trial.scores["perfect"][0]
    assert with_one.psnr_db == pytest.approx(58.92, abs=0.01)
    assert with_one.ssim == pytest.approx(1)
    assert with_one.mouth_r == pytest.approx(1)
    assert trial.scores["perfect"][3].psnr_db == with_one.psnr_db
    held = np.mean([psnr_db(frame, frames[0]) for frame in frames])
    assert without.psnr_db == pytest.approx(held)
    assert trial.copied_db == pytest.approx(held)  # the first reference is the first frame
    assert abs(without.mouth_r) < 0.7
    assert trial.lips_move
    assert 20 < trial.thumbnail_db < 45
    sheet = cv2.imread(str(tmp_path / "sheets" / "a.jpg"))
    assert sheet.shape == (4 * 318, 5 * 300, 3)  # references and three moments, each labelled


def test_where_no_face_is_seen_there_are_decibels_and_no_lips():
    pytest.importorskip("mediapipe")
    blank = np.full((5, SIDE, SIDE, 3), 90, np.uint8)
    trial = try_clip({"perfect": Perfect()}, Source("blank", blank, 5, list(blank[:3])), None)
    assert trial.scores["perfect"][1].mouth_r is None
    assert not trial.lips_move
    assert trial.copied_db == pytest.approx(58.92, abs=0.01)


def test_references_of_a_video_are_its_first_middle_and_last_frame(tmp_path, monkeypatch):
    pytest.importorskip("mediapipe")
    write_pictures(tmp_path / "avatar.mp4", avatar_frames(20))
    seen = []
    monkeypatch.setattr(
        "talking_portrait_ros.evaluation.vae_clips.try_clip",
        lambda models, source, sheet: seen.append((source, list(source.frames))),
    )
    try_videos({"perfect": Perfect()}, tmp_path, None, None)
    clip, frames = seen[0]
    assert (clip.name, clip.n_frames, len(frames)) == ("avatar", 20, 20)
    for reference, k in zip(clip.references, (0, 9, 19), strict=True):
        np.testing.assert_array_equal(reference, frames[k])
    with pytest.raises(ValueError, match="no videos"):
        try_videos({"perfect": Perfect()}, tmp_path.parent, None, None)


def test_a_person_has_the_same_clip_however_many_people_are_asked_for(monkeypatch):
    asked = []

    class Corpus:
        people = tuple("abcdefg")

        def clip(self, seed, resolution, n_frames, person):
            asked.append((person, seed))
            planes = torch.zeros(n_frames, 3, resolution, resolution, dtype=torch.uint8)
            return SimpleNamespace(frames=planes, references=planes[:3])

    monkeypatch.setattr(
        "talking_portrait_ros.evaluation.vae_clips.try_clip", lambda models, source, sheet: None
    )
    try_people({"perfect": Perfect()}, Corpus(), None, None)
    everybody = dict(asked)
    asked.clear()
    try_people({"perfect": Perfect()}, Corpus(), 3, None)
    assert [person for person, _ in asked] == ["a", "d", "g"]
    assert all(everybody[person] == seed for person, seed in asked)
    assert len(set(everybody.values())) == 7


def trial(name, decibels, lips=0.9, moves=0.02):
    scores = {n: Score(db, 0.9, lips) for n, db in zip((0, 1, 3), decibels, strict=True)}
    return Trial(name, 49, {"net": scores}, 20.0, 25.0, moves)


def test_gains_are_over_no_reference_and_the_paper_stands_beside():
    trials = [trial("x", (28, 30, 33)), trial("y", (30, 33, 34))]
    assert vae_report.gain(trials, "net", 1).mean == pytest.approx(2.5)
    assert vae_report.gain(trials, "net", 3).mean == pytest.approx(4.5)
    table = vae_report.ablation_table({"people": trials})
    cells = [list(column.cells) for column in table.columns]
    assert cells[0][:2] == ["net, people", "paper, no CR-VA, VoxCeleb2"]
    assert [column[0] for column in cells[1:]] == ["29.00", "31.50", "33.50", "+2.50", "+4.50"]
    assert [column[2] for column in cells[1:]] == ["29.60", "32.35", "33.98", "+2.75", "+4.38"]


def test_only_lips_that_move_count_and_a_lost_face_counts_as_nothing():
    trials = [
        trial("x", (1, 2, 3), lips=0.8), trial("still", (1, 2, 3), lips=-0.5, moves=0.001),
        trial("lost", (1, 2, 3), lips=None), trial("no face", (1, 2, 3), moves=None),
    ]  # fmt: skip
    estimate = vae_report.lips(trials, "net", 1)
    assert (estimate.mean, estimate.n) == (pytest.approx(0.4), 2)
    assert vae_report.lips(trials[3:], "net", 1) is None
    notes = vae_report.trials_notes("people", [*trials, trial("z", (1, 9, 9))])
    assert "best z (9.0 dB)" in notes[0]
    assert "lips move in 3 of 5 clips" in notes[1]
