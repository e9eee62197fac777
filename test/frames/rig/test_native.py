"""The C of the rig draws what PyTorch draws, whatever it is asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from talking_portrait_ros.frames.rig import native
from talking_portrait_ros.frames.rig.renderer import RigRenderer
from talking_portrait_ros.frames.rig.rig import Rig
from talking_portrait_ros.frames.rig.sampling import OpenCvSampling
from talking_portrait_ros.frames.rig.solve import Grid, invert

Motion = Callable[..., Tensor]


def _lively(n_frames: int, seed: int) -> Tensor:
    """Any weights of the face, heads turned and half out of the picture, or at rest."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(n_frames, 58, generator=generator)
    values[:, 52:] = (values[:, 52:] - 0.5) * 0.3
    values[1::4, 55:] *= 10
    values[2::4, :52] *= 0.1
    values[3::4] = 0
    return values


@pytest.fixture(scope="module")
def pair(smiling_rig: Rig) -> tuple[RigRenderer, RigRenderer]:
    in_c, in_torch = RigRenderer(smiling_rig), RigRenderer(smiling_rig, sampling=OpenCvSampling())
    assert isinstance(in_c._painter, native.NativePainter)
    return in_c, in_torch


@pytest.mark.parametrize(("n_frames", "seed"), [(1, 1), (4, 2), (24, 3)])
def test_both_draw_the_same(
    pair: tuple[RigRenderer, RigRenderer], n_frames: int, seed: int
) -> None:
    frames = _lively(n_frames, seed)
    fast, plain = (renderer.render_float(frames) * 255 for renderer in pair)
    difference = (fast - plain).abs()
    assert difference.mean() < 0.05
    assert difference.max() < 12  # OpenCV looks the lips up between 1/32 pixels
    assert (difference > 3).float().mean() < 1e-4


def test_bytes_are_the_rounded_levels(pair: tuple[RigRenderer, RigRenderer]) -> None:
    frames = _lively(6, 4)
    levels = pair[0].render_float(frames).permute(0, 2, 3, 1) * 255
    assert (pair[0].render(frames).float() - levels).abs().max() < 1.6


def test_inverse_is_the_same(pair: tuple[RigRenderer, RigRenderer]) -> None:
    generator = torch.Generator().manual_seed(6)
    grid = Grid(3, -2, 4.0, 20, 30)
    shift = torch.nn.functional.interpolate(
        torch.randn(2, 2, 4, 5, generator=generator), (20, 30), mode="bicubic"
    )
    targets = torch.rand(2, 40, 2, 2, generator=generator) * 130 - 5
    found = pair[0]._painter.invert(shift, grid, targets, targets)
    torch.testing.assert_close(found, invert(shift, grid, targets, targets), atol=1e-3, rtol=1e-4)


def test_numbers_that_are_none_do_no_harm(pair: tuple[RigRenderer, RigRenderer]) -> None:
    for bad in (float("nan"), float("inf"), -float("inf"), 1e30):
        assert pair[0].render(torch.full((2, 58), bad)).shape == (2, 192, 192, 3)
        only_head = torch.zeros(1, 58)
        only_head[:, 52:] = bad
        assert pair[0].render(only_head).shape == (1, 192, 192, 3)
