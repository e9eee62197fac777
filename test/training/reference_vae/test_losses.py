"""Losses: zero where they should be, and each sensitive to what it is there for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch.nn import functional

from talking_portrait_ros.frames.reference_vae.encoder import Posterior
from talking_portrait_ros.frames.reference_vae.model import Decoded
from talking_portrait_ros.training.reference_vae.batches import Batch, plain_batch
from talking_portrait_ros.training.reference_vae.config import LossWeights
from talking_portrait_ros.training.reference_vae.flat import FlatClips
from talking_portrait_ros.training.reference_vae.losses import (
    Outcome,
    base_loss,
    dssim,
    importance_of,
    lost_detail,
    lost_structure,
    unevenness,
    vae_losses,
    warp_loss,
    weighted,
)

SIZE, CELLS = 64, 8


def own_places(size):
    grid = (torch.arange(size) + 0.5) * 2 / size - 1
    return torch.stack(torch.meshgrid(grid, grid, indexing="xy"))


def moved_batch(shift, n_references=1):
    """Frames whose content lies `shift` half sides further right in the references."""
    where = own_places(CELLS)[None, None]
    ones = torch.ones(1, 1, 1, CELLS, CELLS)
    pictures = torch.rand(1, 1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    there = where - torch.tensor([shift, 0.0]).view(1, 1, 2, 1, 1)
    repeated = (1, n_references, 1, 1, 1)
    return Batch(pictures, pictures.repeat(repeated), where, ones, 0 * ones,
                 there.repeat(repeated), ones.repeat(repeated))  # fmt: skip


def coords_of(shift, n_references=1):
    place = own_places(CELLS) + torch.tensor([shift, 0.0]).view(2, 1, 1)
    return place[None, None, None].repeat(1, 1, n_references, 1, 1, 1)


def test_the_right_warp_costs_nothing_and_others_more_the_further_off():
    batch = moved_batch(0.25, n_references=2)
    costs = [float(warp_loss(batch, coords_of(s, 2))) for s in (0.25, 0.35, 0.45)]
    assert costs == pytest.approx([0.0, 0.1, 0.2], abs=0.03)


def test_the_warp_is_drawn_towards_the_truth():
    coords = coords_of(0.0).requires_grad_(True)
    warp_loss(moved_batch(0.25), coords).backward()
    assert (coords.grad[:, :, :, 0, 2:-2, 2:-3] < 0).all()


def test_places_that_are_not_labelled_do_not_count():
    batch = moved_batch(0.25)
    assert warp_loss(batch, coords_of(0.0)) > 0.2
    batch.valid.zero_()
    assert warp_loss(batch, coords_of(0.0)) == 0
    batch = moved_batch(0.25)
    batch.reference_valid.zero_()
    assert warp_loss(batch, coords_of(0.0)) == 0


def test_places_that_the_reference_does_not_show_do_not_count():
    batch = moved_batch(0.25)
    right = batch.reference_coordinates[0, 0, 0].max()
    unseen = batch.coordinates[:, :, 0] > right
    assert unseen.any()
    batch.valid[:] = unseen[:, :, None]
    assert warp_loss(batch, coords_of(0.0)) == 0


def test_labels_of_the_flat_clips_agree_with_their_pixels():
    """Looking where the labels say gives the frame from the reference."""
    clip = FlatClips().clip(3, 128, 1)
    batch = plain_batch([clip], 1)
    frame, reference = (batch.coordinates[0, 0], batch.reference_coordinates[0, 0])
    # Both maps are affine: the way from a frame's position to the reference's follows from them.
    rows = torch.cat([reference.flatten(1), torch.ones(1, reference[0].numel())]).T
    matrix = torch.linalg.lstsq(rows, own_places(16).flatten(1).T).solution  # portrait -> place
    places = (torch.cat([frame.flatten(1), torch.ones(1, frame[0].numel())]).T @ matrix).T
    coords = places.view(1, 1, 1, 2, 16, 16)
    assert warp_loss(batch.with_references(1), coords) < 0.002
    large = functional.interpolate(coords[0, 0], (128, 128), mode="bilinear")
    looked = functional.grid_sample(batch.references[0, :1], large.permute(0, 2, 3, 1),
                                    padding_mode="border", align_corners=False)  # fmt: skip
    inner = (..., slice(24, -24), slice(24, -24))
    error = (looked - batch.frames[0])[inner].abs().mean()
    assert error < 0.2 * (batch.references[0, :1] - batch.frames[0])[inner].abs().mean()


def test_dssim_is_that_of_other_peoples_code():
    generator = np.random.default_rng(0)
    a, b = (generator.random((8, 8)) for _ in range(2))
    window = np.ones((8, 8)) / 64
    means = [(window * x).sum() for x in (a, b, a * a, b * b, a * b)]
    variances = (means[2] - means[0] ** 2, means[3] - means[1] ** 2)
    covariance = means[4] - means[0] * means[1]
    expected = ((2 * means[0] * means[1] + 1e-4) * (2 * covariance + 9e-4)) / (
        (means[0] ** 2 + means[1] ** 2 + 1e-4) * (sum(variances) + 9e-4)
    )
    made, wanted = (torch.from_numpy(x)[None, None] for x in (a, b))
    assert float(dssim(made, wanted)) == pytest.approx((1 - expected) / 2)
    smooth = functional.avg_pool2d(torch.rand(1, 1, 70, 70), 7, 1)
    noisy = (smooth + 0.03 * torch.randn_like(smooth)).clamp(0, 1)
    theirs = structural_similarity(smooth[0, 0].numpy(), noisy[0, 0].numpy(), data_range=1.0,
                                   win_size=7, use_sample_covariance=False)  # fmt: skip
    assert 1 - 2 * float(dssim(noisy, smooth).mean()) == pytest.approx(theirs, abs=0.05)


def test_lost_texture_costs_more_than_a_wrong_brightness_of_the_same_l1():
    generator = torch.Generator().manual_seed(0)
    texture = 0.5 + 0.02 * torch.randn(1, 1, SIZE, SIZE, generator=generator)
    flat = torch.full_like(texture, 0.5)
    brighter = texture + (texture - flat).abs().mean()
    even = torch.ones(1, 1, CELLS, CELLS)
    structure = [float(lost_structure(x, texture, even)) for x in (texture, brighter, flat)]
    assert structure[0] == pytest.approx(0, abs=1e-6)
    assert structure[2] > 10 * structure[1]
    detail = [float(lost_detail((x - texture).expand(1, 3, -1, -1))) for x in (brighter, flat)]
    assert detail[1] > 1.5 * detail[0]


def test_octaves_add_up_to_what_a_checkerboard_is():
    board = torch.ones(1, 3, 16, 16)
    board[..., ::2, 1::2] = board[..., 1::2, ::2] = -1
    assert float(lost_detail(board)) == pytest.approx(1)  # all of it in the finest octave
    assert float(lost_detail(torch.full((1, 3, 16, 16), -0.3))) == pytest.approx(0.3)


def test_mouth_and_eyes_count_more_and_all_together_as_much_as_ever():
    features = torch.zeros(1, 2, 1, 4, 4)
    features[:, :, :, 1, 2] = 1
    importance = importance_of(features, more=3)
    assert importance.shape == (2, 1, 4, 4)
    assert float(importance.mean()) == pytest.approx(1)
    assert float(importance[1, 0, 1, 2] / importance[1, 0, 0, 0]) == pytest.approx(4)


def test_the_linear_path_is_compared_with_the_shrunk_frames():
    frames = torch.rand(2, 9, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    small = functional.avg_pool2d(frames.flatten(0, 1), 4).unflatten(0, (2, 9))
    base = small.permute(0, 1, 3, 4, 2)
    assert float(base_loss(base, frames)) < 1e-6
    assert float(base_loss(base + 0.1, frames)) == pytest.approx(0.1, abs=1e-4)


def test_weighting_covers_whole_cells():
    importance = torch.rand(2, 1, 4, 4)
    expected = importance.repeat_interleave(8, 2).repeat_interleave(8, 3).expand(2, 3, 32, 32)
    assert torch.equal(weighted(torch.ones(2, 3, 32, 32), importance), expected)


def test_even_shares_are_free():
    assert unevenness(torch.full((1, 2, 3, 4, 4), 1 / 3)) == 0
    assert unevenness(torch.rand(1, 2, 3, 4, 4)) > 0.1


def test_the_total_is_the_weighted_sum_and_the_help_for_the_warp_fades():
    batch = moved_batch(0.25)
    posterior = Posterior(torch.ones(1, 1, 4, 1, 1), torch.zeros(1, 1, 4, 1, 1))
    base = torch.zeros(1, 1, CELLS, CELLS, 3)
    decoded = Decoded(0.5 * batch.frames, coords_of(0.0), torch.rand(1, 1, 2, CELLS, CELLS), base)
    weights = LossWeights(l1=2.0, perceptual=3.0, kl=0.1, warp=1.0, base=2.0,
                          warp_halving_steps=100, smoothness=0.5)  # fmt: skip
    losses = vae_losses(batch, Outcome(posterior, decoded), weights, step=200)
    scale = {"l1": 2, "perceptual": 3, "kl": 0.1, "warp": 0.25, "base": 2, "smoothness": 0.5}
    expected = sum(scale[name] * part for name, part in losses.parts.items())
    assert losses.parts.keys() == scale.keys()
    assert float(losses.total) == pytest.approx(float(expected))


def test_a_perfect_picture_without_references_costs_its_latents_alone():
    batch = moved_batch(0.25)
    posterior = Posterior(torch.ones(1, 1, 4, 1, 1), torch.zeros(1, 1, 4, 1, 1))
    outcome = Outcome(posterior, Decoded(batch.frames, None, None, None))
    parts = vae_losses(batch, outcome, LossWeights(), step=0).parts
    assert parts.keys() == {"l1", "perceptual", "kl"}
    assert float(parts["l1"]) == 0 and float(parts["perceptual"]) == pytest.approx(0, abs=1e-5)
    assert float(parts["kl"]) == pytest.approx(0.5)
