"""Coarse warps by common coordinates."""

from __future__ import annotations

import torch

from talking_portrait_ros.frames.reference_vae.places import own_coords, where_same

SIDE = 16


def _turned(angle: float, zoom: float, shift: float) -> torch.Tensor:
    """Places of a picture whose camera is turned, nearer and shifted, [2, h, w]."""
    x, y = own_coords(SIDE, SIDE, torch.zeros(()))
    cos, sin = torch.cos(torch.tensor(angle)), torch.sin(torch.tensor(angle))
    return torch.stack([cos * x - sin * y, sin * x + cos * y]) * zoom + shift


def test_it_finds_where_the_reference_shows_the_same_place() -> None:
    frame, reference = _turned(0.1, 0.9, 0.05), _turned(-0.1, 1.1, -0.03)
    found = where_same(frame[None, None], reference[None, None])[0, 0, 0]
    cos, sin = torch.cos(torch.tensor(0.1)), torch.sin(torch.tensor(0.1))
    x, y = (frame + 0.03) / 1.1
    expected = torch.stack([cos * x - sin * y, sin * x + cos * y])  # the reference, undone
    inside = (expected.abs() < 0.9).all(dim=0)
    assert inside.float().mean() > 0.5
    assert (found - expected)[:, inside].abs().max() < 0.01


def test_equal_pictures_are_looked_at_where_one_is() -> None:
    places = _turned(0.2, 1.2, 0.1)
    found = where_same(places[None, None], places[None, None])[0, 0, 0]
    assert (found - own_coords(SIDE, SIDE, places)).abs().max() < 0.03


def test_each_frame_meets_each_reference() -> None:
    frames = torch.stack([_turned(0.0, 1.0, shift) for shift in (0.0, 0.1)])[None]
    references = torch.stack([_turned(0.0, 1.0, shift) for shift in (0.0, 0.1, 0.2)])[None]
    found = where_same(frames, references)
    assert found.shape == (1, 2, 3, 2, SIDE, SIDE)
    middle = found[0, :, :, 0, SIDE // 2, SIDE // 2] - 1 / SIDE
    assert torch.allclose(middle, torch.tensor([[0.0, -0.1, -0.2], [0.1, 0.0, -0.1]]), atol=0.01)
