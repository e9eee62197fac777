"""Coarse warps by optical flow between thumbnails."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from talking_portrait_ros.frames.avatar import drawn_avatar
from talking_portrait_ros.frames.reference_vae.optical_flow import (
    SIDE,
    coarse_coords,
    own_coords,
    thumbnails,
)


def _picture(turn: float = 0.0, shift: float = 0.0, gain: float = 1.0) -> np.ndarray:
    """The avatar, turned by degrees, shifted by shares of its side: 0..1, [256, 256, 3]."""
    image = cv2.resize(drawn_avatar().image, (256, 256), interpolation=cv2.INTER_AREA)
    matrix = cv2.getRotationMatrix2D((127.5, 127.5), turn, 1)
    matrix[0, 2] += 256 * shift
    moved = cv2.warpAffine(image, matrix, (256, 256), borderMode=cv2.BORDER_REPLICATE)
    return moved.astype(np.float32) / 255 * gain


def _thumbnail(picture: np.ndarray) -> np.ndarray:
    return thumbnails(torch.from_numpy(picture)[None, None])


def test_a_turned_and_shifted_reference_is_moved_onto_the_frame() -> None:
    frame, reference = _picture(), _picture(turn=6, shift=0.05, gain=0.9)
    like = torch.zeros(())
    coords = coarse_coords(_thumbnail(frame), _thumbnail(reference), like)[0, 0, 0]
    large = torch.nn.functional.interpolate(coords[None], (256, 256), mode="bilinear")
    moved = torch.nn.functional.grid_sample(
        torch.from_numpy(reference / 0.9).permute(2, 0, 1)[None],
        large.permute(0, 2, 3, 1),
        padding_mode="border",
        align_corners=False,
    )[0].permute(1, 2, 0)
    errors = [np.abs(picture - frame).mean() for picture in (moved.numpy(), reference / 0.9)]
    assert errors[0] < 0.3 * errors[1]


def test_equal_pictures_are_looked_at_where_one_is() -> None:
    coords = coarse_coords(_thumbnail(_picture()), _thumbnail(_picture()), torch.zeros(()))
    assert torch.allclose(coords[0, 0, 0], own_coords(SIDE, SIDE, coords), atol=1e-3)


def test_each_frame_meets_each_reference() -> None:
    frames = np.concatenate([_thumbnail(_picture(shift=s)) for s in (0.0, 0.05)], axis=1)
    references = np.concatenate([_thumbnail(_picture(shift=s)) for s in (0.0, 0.05, 0.1)], axis=1)
    coords = coarse_coords(frames, references, torch.zeros(()))
    assert coords.shape == (1, 2, 3, 2, SIDE, SIDE)
    middle = slice(SIDE // 4, 3 * SIDE // 4)
    shift = (coords - own_coords(SIDE, SIDE, coords))[0, :, :, 0, middle, middle].median(-1)[0]
    expected = torch.tensor([[0.0, 0.1, 0.2], [-0.1, 0.0, 0.1]])
    assert torch.allclose(shift.median(-1)[0], expected, atol=0.03)


def test_thumbnails_of_small_pictures_are_enlarged() -> None:
    assert thumbnails(torch.rand(1, 2, 8, 8, 3)).shape == (1, 2, SIDE, SIDE)
