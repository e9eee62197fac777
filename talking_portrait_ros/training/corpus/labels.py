"""Where the pixels of a picture come from, when backdrop and camera have had their say."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.frames.rig.renderer import MappedFrames
from talking_portrait_ros.frames.rig.sampling import sample_planes
from talking_portrait_ros.training.corpus.camera import cell_places
from talking_portrait_ros.training.corpus.clip import COORDINATE_CELL

KEPT, OPAQUE = 0.35, 0.85  # matte at which nothing and everything of the portrait is seen
_SUBCELLS = 2  # looks per position and axis at what is valid


def in_front_of(backdrop: Tensor, matte: Tensor, mapped: MappedFrames) -> tuple[Tensor, Tensor]:
    """Pictures uint8 [n, R, R, 3] before a backdrop, and what of the portrait is shown."""
    size, n_frames = mapped.frames.shape[1], len(mapped.frames)
    scale = matte.shape[0] / size
    cells = (mapped.sources + 0.5) * scale - 0.5
    planes = matte.permute(2, 0, 1)[None].expand(n_frames, -1, -1, -1)
    share = sample_planes(planes, cells).permute(0, 2, 3, 1)  # [n, R, R, 1]
    share = ((share - KEPT) / (OPAQUE - KEPT)).clamp(0, 1)
    pictures = torch.lerp(backdrop.expand(n_frames, -1, -1, -1), mapped.frames.float(), share)
    return pictures.round_().byte(), mapped.shown * share


def film_map(sources: Tensor, shown: Tensor, view: F32, resolution: int) -> tuple[Tensor, Tensor]:
    """Coordinates [n, 2, s, s] and validity [n, 1, s, s] of what the camera sees."""
    n_cells, size = resolution // COORDINATE_CELL, sources.shape[1]
    places = cell_places(view, n_cells, sources.device)
    planes = sources.permute(0, 3, 1, 2)
    at = functional.grid_sample(planes, places, padding_mode="border", align_corners=False)
    coordinates = (2 * at + 1) / size - 1
    fine = cell_places(view, n_cells * _SUBCELLS, sources.device)
    share = functional.grid_sample(shown.permute(0, 3, 1, 2), fine, align_corners=False)
    share *= (fine.abs() <= 1).all(-1)[:, None]
    least = -functional.max_pool2d(-share, _SUBCELLS)
    inside = (coordinates.abs() <= 1).all(1, keepdim=True)
    return coordinates, functional.avg_pool2d(share, _SUBCELLS) * (least > 0.5) * inside
