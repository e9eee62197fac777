"""PSNR and SSIM against skimage's; the thumbnail holds no more numbers than it may."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from talking_portrait_ros.evaluation.fidelity import Fidelity, Thumbnail, psnr_db, ssim


@pytest.fixture
def pair():
    random = np.random.default_rng(0)
    original = random.integers(0, 256, (6, 48, 40, 3)).astype(np.uint8)
    noise = random.normal(0, 12, original.shape)
    return original, np.clip(original + noise, 0, 255).astype(np.uint8)


def test_psnr_is_the_mean_of_the_frames_decibels_as_skimage_has_them(pair):
    fidelity = Fidelity()
    for one, other in zip(*pair, strict=True):
        fidelity.add(one[None], other[None])
    wanted = np.mean([peak_signal_noise_ratio(*frames) for frames in zip(*pair, strict=True)])
    assert fidelity.psnr_db == pytest.approx(wanted, abs=1e-4)
    assert fidelity.n_frames == 6


def test_black_against_white_is_0_db_and_equal_frames_are_as_good_as_8_bits_can_be():
    black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
    assert psnr_db(black, white) == pytest.approx(0)
    assert psnr_db(white, black) == pytest.approx(0)
    assert psnr_db(white, white) == pytest.approx(58.92, abs=0.01)


def test_ssim_is_that_of_the_luma_and_may_look_at_one_frame_in_a_few(pair):
    grey = [frames @ np.array([0.299, 0.587, 0.114], np.float32) for frames in pair]
    wanted = [structural_similarity(a, b, data_range=255) for a, b in zip(*grey, strict=True)]
    assert ssim(pair[0][2], pair[1][2]) == pytest.approx(wanted[2], abs=1e-4)
    every, fourth = Fidelity(), Fidelity(ssim_every=4)
    every.add(*pair)
    fourth.add(*pair)
    assert every.ssim == pytest.approx(np.mean(wanted), abs=1e-4)
    assert fourth.ssim == pytest.approx((wanted[0] + wanted[4]) / 2, abs=1e-4)


def test_the_thumbnail_of_4096_numbers_is_52_wide_and_keeps_flat_colours():
    thumbnail = Thumbnail(8 * 8 * 64)
    assert thumbnail.side == 52
    assert 1.5 * thumbnail.side**2 <= 4096 < 1.5 * (thumbnail.side + 2) ** 2
    flat = np.broadcast_to(np.array([200, 90, 30], np.uint8), (4, 128, 128, 3))
    assert np.abs(thumbnail.step(flat).astype(int) - flat).max() <= 1


def test_the_thumbnail_is_one_picture_for_all_frames_of_a_step_and_is_soft(pair):
    made = Thumbnail(96).step(pair[0][:4])
    assert (made == made[0]).all()
    assert made.std() < 0.2 * pair[0].std()
