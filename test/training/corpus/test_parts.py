"""Performances, cameras and light: their ranges, and that both devices' ways agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from talking_portrait_ros.spaces import INDEX
from talking_portrait_ros.training.corpus.background import background
from talking_portrait_ros.training.corpus.camera import is_still, look_cv, look_torch, views
from talking_portrait_ros.training.corpus.chance import stream, wander
from talking_portrait_ros.training.corpus.config import CorpusConfig
from talking_portrait_ros.training.corpus.light import Light, blurred_cv, blurred_torch, lit
from talking_portrait_ros.training.corpus.motion import mirrored, performance
from talking_portrait_ros.training.corpus.mouths import Mouths

N_FRAMES, N_CLIPS = 200, 30


@pytest.fixture(scope="module")
def performances():
    mouth = np.zeros((N_FRAMES, 58), np.float32)
    return np.stack(
        [performance(seed, N_FRAMES, mouth, CorpusConfig()) for seed in range(N_CLIPS)]
    )


def smooth_picture(size=64):
    line = torch.linspace(0, 6, size)
    planes = torch.stack([line.sin()[:, None] * line.cos(), line.cos()[:, None] * line.sin(),
                          (line[:, None] + line).sin()], -1)  # fmt: skip
    return (127 + 120 * planes).byte()[None]


def test_weights_stay_in_their_range_and_heads_within_reach(performances):
    assert performances[..., :52].min() >= 0
    assert performances[..., :52].max() <= 1
    turns = np.degrees(np.abs(performances[..., 52:55]))
    assert turns.max() < 16
    assert np.abs(performances[..., 55:]).max() <= 0.1


def test_some_clips_rest_and_some_never_do(performances):
    yaw = np.degrees(performances[..., INDEX["headYaw"]])
    spread = yaw.max(1) - yaw.min(1)
    assert spread.min() < 0.5
    assert spread.max() > 15


@pytest.mark.parametrize(
    "name", ["eyeBlinkLeft", "browInnerUp", "browDownLeft", "mouthSmileLeft", "mouthFrownLeft",
             "eyeLookUpLeft", "eyeLookOutLeft", "eyeWideLeft", "cheekPuff"],
)  # fmt: skip
def test_all_of_the_face_takes_part(performances, name):
    assert performances[..., INDEX[name]].max() > 0.4
    assert performances[..., INDEX[name]].min() < 0.05


def test_mirroring_twice_changes_nothing(performances):
    assert np.array_equal(mirrored(mirrored(performances[0])), performances[0])
    assert not np.array_equal(mirrored(performances[0]), performances[0])


def test_curves_begin_alike_however_long_they_are():
    short, long = (wander(stream(3, "x"), n, 7) for n in (10, 1000))
    assert np.array_equal(short, long[:10])
    assert np.abs(long).max() <= 1
    assert np.abs(np.diff(long)).max() < 0.5


def test_a_pack_without_speech_has_wild_and_resting_mouths():
    mouths = Mouths((), CorpusConfig())
    open_most = [mouths.make(seed, 20).mouth[:, INDEX["jawOpen"]].max() for seed in range(30)]
    assert min(open_most) < 0.05
    assert max(open_most) > 0.3


def test_cameras_stand_still_unless_told_otherwise():
    assert is_still(views(1, 5, CorpusConfig.plain()))
    moving = views(1, 60, CorpusConfig(camera=1.0, drift=1.0))
    assert not is_still(moving)
    assert np.abs(np.diff(moving, axis=0)).max() < 0.02
    assert not np.array_equal(moving, views(1, 60, CorpusConfig(camera=1.0, drift=1.0), take=1))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_both_ways_to_film_agree(interpolation):
    view = np.array([[[-0.9, 0.1, 0.02], [0.08, 0.85, -0.03]]], np.float32)
    one, other = (way(smooth_picture(), view, interpolation).float()
                  for way in (look_cv, look_torch))  # fmt: skip
    assert float((one - other).abs().mean()) < 0.6


def test_both_ways_to_blur_agree():
    one, other = (way(smooth_picture(), 1.7).float() for way in (blurred_cv, blurred_torch))
    assert float((one - other).abs().mean()) < 0.6


def test_light_makes_grey_what_shall_be_grey_and_leaves_the_rest_alone():
    planes = smooth_picture().permute(0, 3, 1, 2).float() / 255
    same = lit(planes.clone(), Light.of_clip(1, 1, CorpusConfig.plain()))
    assert torch.allclose(same, planes, atol=1e-5)
    grey = lit(planes.clone(), Light.of_clip(1, 1, CorpusConfig.plain().replace(grey=1.0)))
    assert float((grey - grey.mean(1, keepdim=True)).abs().max()) < 1e-5


def test_light_changes_slowly():
    light = Light.of_clip(2, 100, CorpusConfig(light=2.0))
    assert np.abs(np.diff(light.gains, axis=0)).max() < 0.08


def test_backgrounds_are_pictures_and_differ():
    pictures = [background(seed, 64) for seed in range(12)]
    assert all(p.shape == (64, 64, 3) and p.min() >= 0 and p.max() <= 255 for p in pictures)
    means = np.stack([p.mean((0, 1)) for p in pictures])
    assert means.std(0).min() > 20
    assert max(p.std((0, 1)).max() for p in pictures) > 30
