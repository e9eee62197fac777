"""The displacement fields: nothing folds, lips meet, corners are shared."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from talking_portrait_ros.chunks import Reference
from talking_portrait_ros.frames.rig.basis import Site, lip_fields, skin_fields
from talking_portrait_ros.frames.rig.contours import refine_lips
from talking_portrait_ros.frames.rig.controls import CONTROL_INDEX, CONTROLS, rig_controls
from talking_portrait_ros.frames.rig.face_frame import face_frame
from talking_portrait_ros.frames.rig.lips import LipCurves, lip_curves
from talking_portrait_ros.frames.rig.rig import Rig
from talking_portrait_ros.frames.rig.solve import Grid, invert, with_slopes
from talking_portrait_ros.spaces import ARKIT_NAMES, INDEX


def _controls(**weights: float) -> Tensor:
    motion = torch.zeros(1, 58)
    for name, value in weights.items():
        for column in [name] if name in INDEX else [name + "Left", name + "Right"]:
            motion[0, INDEX[column]] = value
    return rig_controls(motion)


COMBINATIONS = [
    {"jawOpen": 1.0, "mouthPucker": 1.0},
    {"jawOpen": 0.7, "mouthSmile": 1.0},
    {"jawOpen": 0.7, "mouthFunnel": 1.0},
    {"jawOpen": 0.7, "mouthStretch": 1.0},
    {"mouthPucker": 1.0, "mouthFunnel": 1.0},
]


@pytest.mark.parametrize("weights", [{name: 1.0} for name in ARKIT_NAMES] + COMBINATIONS)
def test_no_lip_layer_folds_where_it_is_seen(smiling_rig: Rig, weights: dict[str, float]) -> None:
    basis = smiling_rig.lip_basis
    way = (_controls(**weights) @ basis.flatten(2)).view(2, 3, *basis.shape[3:])[:, :2]
    _, _, xx, yx, xy, yy = with_slopes(way, float(smiling_rig.mouth_box[2])).unbind(dim=1)
    area = (1 + xx) * (1 + yy) - xy * yx  # [2, m, n]
    assert area[smiling_rig.lip_edges > 0].min() > 0.05


def test_layers_agree_beyond_the_mouth_corners(smiling: Reference) -> None:
    frame = face_frame(smiling.landmarks)
    lips = lip_curves(frame)
    x, y = np.meshgrid(np.array([1.3 * lips.right, 1.3 * lips.left]), np.linspace(-0.2, 0.2, 5))
    site = Site(x, y, frame, lips, overlap=0.0)
    skin = skin_fields(site)
    upper, lower = lip_fields(site, skin)
    moving = [index for name, index in CONTROL_INDEX.items() if name != "rest"]
    np.testing.assert_allclose(upper[moving], lower[moving], atol=1e-6)


def test_rest_brings_both_inner_contours_to_one_line(smiling: Reference) -> None:
    frame = face_frame(smiling.landmarks)
    lips = lip_curves(frame)
    assert not lips.closed
    middle = np.abs(lips.x) < 0.15
    ends = []
    for layer, curve in enumerate((lips.inner_upper, lips.inner_lower)):
        site = Site(lips.x[middle], curve[middle], frame, lips, overlap=0.0)
        fields = lip_fields(site, skin_fields(site))[layer]
        ends.append(curve[middle] + fields[CONTROL_INDEX["rest"], 1])
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-6)


def test_contours_move_to_the_dark_line_between_closed_lips(closed: Reference) -> None:
    frame = face_frame(closed.landmarks)
    image = np.full_like(closed.image, 170)
    lips = lip_curves(frame)
    seam = frame.origin[1] + frame.unit_px * (lips.at(lips.inner_upper, np.array(0.0)) + 0.02)
    image[round(float(seam))] = 40
    refined: LipCurves = refine_lips(image, frame, lips)
    middle = np.abs(lips.x) < 0.1
    found = refined.inner_upper[middle].mean() - lips.inner_upper[middle].mean()
    assert 0.005 < found < 0.035


def _waves(points: Tensor) -> Tensor:
    x, y = points.unbind(dim=-1)
    return torch.stack([5 * torch.sin(y / 15), 6 * torch.cos(x / 20)], dim=-1)


def test_newton_inverts_a_smooth_field() -> None:
    grid = Grid(0, 0, 4, 24, 24)
    way = _waves(grid.nodes()).permute(2, 0, 1)[None]
    targets = grid.nodes()[None, 6:-6, 6:-6]
    points = invert(way, grid, targets, targets)
    assert (points + _waves(points) - targets).abs().max() < 0.15


def test_every_control_has_a_field_of_its_own(smiling_rig: Rig) -> None:
    sizes = smiling_rig.skin_basis.abs().amax(dim=(1, 2, 3))
    sizes = torch.maximum(sizes, smiling_rig.lip_basis.abs().amax(dim=(0, 2, 3, 4)))
    still = [name for name, size in zip(CONTROLS, sizes, strict=True) if size < 0.1]
    assert still == []
