"""Windows of the frame that follow the mouth and the eyes: a fixed size, a place per frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from talking_portrait_ros.frames.rig.solve import Grid

_ROLL = 0.24
_SIDE = 0.08
_FEATHER_NODES = 3


@dataclass(frozen=True)
class LipWarp:
    """The lip layers of B frames on the nodes of the mouth window.

    Attributes:
        layers: upper and lower: shift to the source x, y, and distance inside the lip, pixels,
            [2, B, m, n, 3].
        skin: shift of the skin around, [B, m, n, 2].
        plane: see `RigRenderer`, [B, 2, 3].
        corner: left and upper pixel of each window, [B, 2] on the CPU.
    """

    layers: Tensor
    skin: Tensor
    plane: Tensor
    corner: Tensor


def around_mouth(box: Grid, middle: list[float], resolution: int) -> Grid:
    """A window that holds the moved mouth; left and top relative to the `middle` of the lips."""
    most = int(resolution // box.cell)
    side = round(_SIDE * box.width)
    left = box.left - middle[0] - side * box.cell
    width = min(box.width + 2 * side, most)
    return Grid(left, box.top - middle[1], box.cell, min(box.height, most), width)


def around_box(x0: int, y0: int, x1: int, y1: int, resolution: int) -> Grid:
    """A window that holds the turned box; left and top are relative to the box's middle."""
    width, height = x1 - x0, y1 - y0
    wide = min(round(1.08 * width + _ROLL * height), resolution)
    high = min(round(1.08 * height + _ROLL * width), resolution)
    return Grid(-wide / 2, -high / 2, 1, high, wide)


def feather(window: Grid, device: torch.device | str) -> Tensor:
    """0 at the rim of a window, 1 inside, per node [m, n, 1]."""
    lines = []
    for length in (window.height, window.width):
        steps = torch.arange(length, device=device)
        lines.append((torch.minimum(steps, length - 1 - steps) / _FEATHER_NODES).clamp(0, 1))
    return (lines[0][:, None] * lines[1][None, :])[..., None]


def box_of(mask: Tensor) -> tuple[int, int, int, int] | None:
    """Top, bottom, left, right of the true part of `mask` [m, n], two nodes wider, or None."""
    rows, columns = mask.any(dim=1).cpu(), mask.any(dim=0).cpu()
    if not rows.any():
        return None
    spans = []
    for line in (rows, columns):
        where = line.nonzero()
        spans += [max(int(where[0]) - 2, 0), min(int(where[-1]) + 3, len(line))]
    return spans[0], spans[1], spans[2], spans[3]


def cut(pictures: Tensor, corner: Tensor, window: Grid) -> Tensor:
    """The windows of `pictures` [B, H, W, C] at `corner`, [B, h, w, C]."""
    height, width = window.height, window.width
    return torch.stack([
        picture[y : y + height, x : x + width]
        for picture, (x, y) in zip(pictures, corner.tolist(), strict=True)
    ])  # fmt: skip


def paste(pictures: Tensor, windows: Tensor, corner: Tensor) -> None:
    """Lay `windows` [B, h, w, C] into `pictures` at `corner`, in place."""
    height, width = windows.shape[1:3]
    if not pictures.is_floating_point():
        windows = windows.round().clamp(0, 255)
    for picture, window, (x, y) in zip(pictures, windows, corner.tolist(), strict=True):
        picture[y : y + height, x : x + width] = window
