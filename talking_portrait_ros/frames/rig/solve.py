"""Backward warps: where a pixel of the frame comes from, given where the portrait goes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from talking_portrait_ros.frames.rig.sampling import sample_planes

ITERATIONS = 3


@dataclass(frozen=True)
class Grid:
    """Nodes at the centres of square cells: node (i, j) stands at left + (j + .5) cell - .5.

    Attributes:
        left: x of the grid's left edge, pixels.
        top: y of its upper edge.
        cell: size of a cell.
        height: nodes down.
        width: nodes across.
    """

    left: float
    top: float
    cell: float
    height: int
    width: int

    def nodes(self, device: torch.device | str = "cpu") -> Tensor:
        """Positions of the nodes, x and y pixels [height, width, 2]."""
        x = self.left + (torch.arange(self.width, device=device) + 0.5) * self.cell - 0.5
        y = self.top + (torch.arange(self.height, device=device) + 0.5) * self.cell - 0.5
        return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)

    def local(self) -> Grid:
        """The same grid with its corner at the origin."""
        return Grid(0, 0, self.cell, self.height, self.width)

    def to_cells(self, pixels: Tensor) -> Tensor:
        """Picture positions [..., 2] as positions on the grid, nodes at whole numbers."""
        corner = torch.tensor([self.left, self.top], device=pixels.device)
        return (pixels - corner + 0.5) / self.cell - 0.5


def with_slopes(shift: Tensor, cell: float) -> Tensor:
    """A displacement field [B, 2, h, w] and its slopes [B, 6, h, w]: d, dd/dx, dd/dy."""
    along_y, along_x = torch.gradient(shift, spacing=cell, dim=(2, 3))
    return torch.cat([shift, along_x, along_y], dim=1)


def invert(shift: Tensor, grid: Grid, targets: Tensor, start: Tensor) -> Tensor:
    """Points u with u + d(u) = target, by Newton steps.

    Args:
        shift: d on `grid`, [B, 2, h, w].
        grid: where the nodes of `shift` stand.
        targets: pixels of the frame, [B, m, n, 2].
        start: first guess for u, same shape.

    Returns:
        u, same shape as `targets`.
    """
    points, field = start, with_slopes(shift, grid.cell)
    for _ in range(ITERATIONS):
        values = sample_planes(field, grid.to_cells(points))  # [B, 6, m, n]
        dx, dy, xx, yx, xy, yy = values.unbind(dim=1)
        miss_x = targets[..., 0] - points[..., 0] - dx
        miss_y = targets[..., 1] - points[..., 1] - dy
        xx, yy = xx + 1, yy + 1
        scale = 1 / (xx * yy - xy * yx).clamp(min=0.25)
        step = torch.stack([yy * miss_x - xy * miss_y, xx * miss_y - yx * miss_x], dim=-1)
        points = points + step * scale[..., None]
    return points
