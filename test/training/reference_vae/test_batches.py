"""Batches: pictures and labels are cut, mirrored and chosen together, anew each time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.labelled_clips import labelled_clip, still_clip
from torch.nn import functional

from talking_portrait_ros.training.reference_vae.batches import (
    features_of,
    make_batch,
    plain_batch,
)
from talking_portrait_ros.training.reference_vae.config import Stage

STAGE = Stage(resolution=128, crop=64, n_frames=5, batch=2, steps=1)


def made(n_references=3, seed=0, stage=STAGE):
    clips = [labelled_clip(size=128, seed=s) for s in (1, 2)]
    return make_batch(clips, stage, n_references, np.random.default_rng(seed))


def agreement(pictures, labels):
    """Correlation of red with x and of green with y: 1 where they belong together."""
    cells = functional.avg_pool2d(pictures.flatten(0, 1)[:, :2], 8).transpose(0, 1).flatten(1)
    rows = labels.flatten(0, 1).transpose(0, 1).flatten(1)
    return [
        float(torch.corrcoef(torch.stack(pair))[0, 1]) for pair in zip(cells, rows, strict=True)
    ]


@pytest.mark.parametrize("n_references", [0, 1, 2, 3])
def test_shapes(n_references):
    batch = made(n_references)
    assert batch.frames.shape == (2, 5, 3, 64, 64)
    assert batch.references.shape == (2, n_references, 3, 64, 64)
    assert batch.coordinates.shape == (2, 5, 2, 8, 8)
    assert batch.reference_valid.shape == (2, n_references, 1, 8, 8)
    assert batch.n_references == n_references


@pytest.mark.parametrize("seed", range(6))
def test_labels_stay_with_their_pictures(seed):
    batch = made(seed=seed)
    for clip in range(2):
        one = slice(clip, clip + 1)
        x, y = agreement(batch.frames[one], batch.coordinates[one])
        assert abs(x) > 0.99 and y > 0.99
        reference_x, reference_y = agreement(batch.references[one],
                                             batch.reference_coordinates[one])  # fmt: skip
        assert reference_x * x > 0.98 and reference_y > 0.99


def test_colours_stay_in_range_and_references_have_the_light_of_the_frames():
    """A clip's first frame, taken as its reference, is the very same picture."""
    found = 0
    for seed in range(12):
        batch = made(seed=seed)
        assert batch.frames.min() >= 0 and batch.frames.max() <= 1
        same = (batch.references == batch.frames[:, :1]).flatten(2).all(dim=2)  # [B, M]
        assert (same.sum(dim=1) <= 1).all()
        found += int(same.sum())
    assert 2 <= found <= 15  # of 24, expected 7


def test_each_use_of_a_clip_differs_and_follows_from_the_generator():
    assert torch.equal(made(seed=3).frames, made(seed=3).frames)
    assert not torch.equal(made(seed=3).frames, made(seed=4).frames)


def test_frames_follow_each_other():
    blue = made(seed=5).frames[:, :, 2].mean(dim=(2, 3))
    steps = blue[:, 1:] - blue[:, :-1]
    assert (steps > 0.05).all() and torch.allclose(steps, steps[:, :1].expand_as(steps), atol=0.01)


def test_places_are_in_units_of_the_window_mirrored_or_not():
    """In a clip that lies still each position is where it is, whatever the window."""
    clip = still_clip(size=128)
    sides = set()
    for seed in range(8):
        batch = make_batch([clip], STAGE, 1, np.random.default_rng(seed))
        expected = (torch.arange(8) + 0.5) / 4 - 1
        assert torch.allclose(batch.coordinates[0, 0, 0, 3], expected, atol=1e-5)
        assert torch.allclose(batch.reference_coordinates[0, 0, 1, :, 3], expected, atol=1e-5)
        sides.add(bool(batch.frames[0, 0, 0, 0, 0] > batch.frames[0, 0, 0, 0, -1]))
    assert sides == {False, True}


def test_mouth_and_eyes_are_found_by_their_places():
    grid = (torch.arange(64) + 0.5) / 32 - 1
    places = torch.stack(torch.meshgrid(grid, grid, indexing="xy"))[None]
    features = features_of(places)

    def at(x, y):
        return float(features[0, 0, round((y + 1) * 32 - 0.5), round((x + 1) * 32 - 0.5)])

    assert at(0, 0.3) == at(-0.22, -0.16) == at(0.22, -0.16) == 1
    assert at(-0.9, -0.9) == at(0, 0.7) == at(0, -0.6) == 0
    assert torch.equal(features_of(places.flip(2)), features.flip(2))


def test_a_plain_batch_changes_nothing():
    clip = labelled_clip()
    batch = plain_batch([clip], n_frames=5)
    assert torch.equal((255 * batch.frames[0]).round().byte(), clip.frames[:5])
    assert torch.equal(batch.reference_coordinates[0], clip.reference_coordinates)
    fewer = batch.with_references(1)
    assert fewer.n_references == 1 and fewer.reference_valid.shape[1] == 1
