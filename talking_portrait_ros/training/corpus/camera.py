"""Where the camera looks: crop, tilt and slow drift of the whole picture.

A view is an affine map from the clip's picture to the drawn one, both -1..1 with pixel borders at
-1 and 1, as `affine_grid` and `grid_sample` without aligned corners have it.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.training.corpus.chance import stream, wander
from talking_portrait_ros.training.corpus.config import CorpusConfig

Interpolation = Literal["bilinear", "bicubic"]

_CV = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}
ZOOM = (0.92, 1.45)
_DRIFT = {"zoom": 0.05, "tilt": 0.04, "x": 0.05, "y": 0.04}
_SLOW_FRAMES, _SHAKE_FRAMES = 50, 4


def views(seed: int, n_frames: int, config: CorpusConfig, take: int = 0) -> F32:
    """The views of the frames of a clip, [T, 2, 3]; each `take` drifts in its own way."""
    generator = stream(seed, "camera")
    cropped, drifting, shaking = generator.random(3)
    zoom, tilt, x, y = generator.uniform(-1, 1, 4)
    low, high = np.log(ZOOM)
    is_cropped = cropped < config.camera
    log_zoom = ((low + high) / 2 + zoom * (high - low) / 2) * is_cropped
    room = 0.6 * max(1 - np.exp(-log_zoom), 0.0) + 0.03  # the face stays in the picture
    middle = {"zoom": log_zoom, "tilt": 0.12 * tilt**3 * is_cropped,
              "x": room * x * is_cropped, "y": room * y * is_cropped}  # fmt: skip
    lines = {}
    for name, value in middle.items():
        line = np.full(n_frames, value)
        if drifting < config.drift:
            size = _DRIFT[name] * generator.uniform(0.1, 1)
            line += size * _way(seed, name, take, n_frames, _SLOW_FRAMES)
            if shaking < 0.2:
                line += 0.06 * size * _way(seed, name + "'", take, n_frames, _SHAKE_FRAMES)
        lines[name] = line
    scale = np.exp(-lines["zoom"])
    cos, sin = scale * np.cos(lines["tilt"]), scale * np.sin(lines["tilt"])
    rows = np.stack([cos, -sin, lines["x"], sin, cos, lines["y"]], axis=1)
    return np.asarray(rows.reshape(-1, 2, 3), np.float32)


def mirrored_views(view: F32) -> F32:
    """The views of the mirrored clip."""
    return view * np.array([-1, 1, 1], np.float32)


def is_still(view: F32) -> bool:
    """Whether the views show just the drawn pictures."""
    return bool(np.array_equal(view, np.broadcast_to(np.eye(2, 3, dtype=np.float32), view.shape)))


def _way(seed: int, name: str, take: int, n_frames: int, period_frames: int) -> F32:
    return wander(stream(seed, "camera", name, take), n_frames, period_frames)


def look(pictures: Tensor, view: F32, interpolation: Interpolation = "bilinear") -> Tensor:
    """uint8 pictures [T, H, W, 3] as the camera sees them; beyond the border, mirrored."""
    if is_still(view):
        return pictures
    see = look_cv if pictures.device.type == "cpu" else look_torch
    return see(pictures, view, interpolation)


def look_torch(pictures: Tensor, view: F32, interpolation: Interpolation) -> Tensor:
    """`look` on any device."""
    planes = pictures.permute(0, 3, 1, 2).float()
    grid = functional.affine_grid(
        torch.from_numpy(view).to(planes.device), list(planes.shape), align_corners=False
    )
    seen = functional.grid_sample(
        planes, grid, mode=interpolation, padding_mode="reflection", align_corners=False
    )
    return seen.round_().clamp_(0, 255).byte().permute(0, 2, 3, 1)


def look_cv(pictures: Tensor, view: F32, interpolation: Interpolation) -> Tensor:
    """`look` on a CPU, several times faster."""
    height, width = pictures.shape[1:3]
    # Pixel p is at (2 p + 1) / size - 1.
    to_unit = np.array([[2 / width, 0, 1 / width - 1], [0, 2 / height, 1 / height - 1], [0, 0, 1]])
    flags = _CV[interpolation] | cv2.WARP_INVERSE_MAP
    seen = torch.empty_like(pictures, memory_format=torch.contiguous_format)
    for picture, out, rows in zip(pictures.numpy(), seen.numpy(), view, strict=True):
        matrix = np.linalg.inv(to_unit) @ np.vstack([rows, [0, 0, 1]]) @ to_unit
        cv2.warpAffine(picture, matrix[:2], (width, height), out, flags, cv2.BORDER_REFLECT)
    return seen


def cell_places(view: F32, n_cells: int, device: torch.device | str) -> Tensor:
    """Where the middles of n x n cells of the seen picture lie in the drawn one, [T, n, n, 2]."""
    size = [len(view), 1, n_cells, n_cells]
    return functional.affine_grid(torch.from_numpy(view).to(device), size, align_corners=False)
