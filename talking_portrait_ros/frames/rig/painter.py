"""The steps of drawing that go over pixels: eyes, lips and mouth of B frames, in PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from talking_portrait_ros.frames.rig.mouth import MOIST_REACH, MouthView, draw_mouth, lips_share
from talking_portrait_ros.frames.rig.pose import HeadPose
from talking_portrait_ros.frames.rig.rig import Rig
from talking_portrait_ros.frames.rig.sampling import Sampling, sample_planes
from talking_portrait_ros.frames.rig.solve import Grid, invert
from talking_portrait_ros.frames.rig.windows import LipWarp, box_of, cut, feather, paste

_PAINTED = 20.0  # change of a colour that makes it paint, levels


@dataclass(frozen=True)
class Grids:
    """Where the nodes and the windows of a rig stand.

    Attributes:
        whole: nodes over the frame.
        lips: nodes of the lip layers, in the portrait.
        mouth: the window of the mouth, see `around_mouth`; its cells are those of `lips`.
        eyes: the window of the eyes, see `around_box`.
    """

    whole: Grid
    lips: Grid
    mouth: Grid
    eyes: Grid


class Painter(Protocol):
    """What `RigRenderer` needs done; frames are [B, H, W, 3] with levels 0..255 of any dtype."""

    def forward(
        self, basis: Tensor, solid: Tensor, nodes: Tensor, pose: HeadPose, controls: Tensor
    ) -> Tensor:
        """Way of each node of L layers into the frame, pixels [L * B, 2, h, w].

        Args:
            basis: what each control moves, x, y, z, [L, K, 3, h, w].
            solid: depth, and share of the head's motion, [2, h, w].
            nodes: where they stand, [h, w, 2].
            pose: of the head.
            controls: weights of `basis`, [B, K].
        """
        ...

    def invert(self, shift: Tensor, grid: Grid, targets: Tensor, start: Tensor) -> Tensor:
        """See `solve.invert`."""
        ...

    def lip_layers(self, forward: Tensor, shift: Tensor, corner: Tensor) -> tuple[Tensor, Tensor]:
        """Both lip layers and the skin around, see `LipWarp.layers` and `LipWarp.skin`.

        Args:
            forward: way of the nodes of both layers, [2 * B, 2, h, w].
            shift: from nodes of the frame to where the skin comes from, [B, g, g, 2].
            corner: of the window of the mouth, [B, 2].
        """
        ...

    def move_eyes(self, coords: Tensor, corner: Tensor, motion: Tensor) -> Tensor:
        """Move the lids' skin in `coords` [B, H, W, 2], in place.

        Returns:
            Paint to lay over the windows of the eyes at `corner` [B, 2], RGBA 0..1 [B, h, w, 4].
        """
        ...

    def cover(self, frames: Tensor, paint: Tensor, corner: Tensor) -> None:
        """Lay the paint of `move_eyes` over `frames`, in place."""
        ...

    def place_lips(self, coords: Tensor, lips: LipWarp) -> None:
        """Let the window of the mouth be looked up through the nearer lip's layer, in place."""
        ...

    def add_mouth(self, frames: Tensor, lips: LipWarp, motion: Tensor, controls: Tensor) -> None:
        """Draw what the open lips show, and their edges, into `frames`."""
        ...


@dataclass
class TorchPainter:
    """Any device, whole batches at once.

    Attributes:
        rig: what is drawn.
        sampling: look-ups and enlargements.
        grids: where things stand.
    """

    rig: Rig
    sampling: Sampling
    grids: Grids

    def __post_init__(self) -> None:
        """Prepare what all frames share."""
        size, device = self.rig.resolution, self.rig.picture.device
        self._picture = self.rig.picture.float()
        self._pixels = Grid(0, 0, 1, size, size).nodes(device)  # [H, W, 2]
        self._feather = feather(self.grids.mouth, device)
        self._window_nodes = self.grids.mouth.local().nodes(device)

    def forward(
        self, basis: Tensor, solid: Tensor, nodes: Tensor, pose: HeadPose, controls: Tensor
    ) -> Tensor:
        """As in `Painter`."""
        layers, n_controls, _, height, width = basis.shape
        moved = controls @ basis.reshape(layers, n_controls, -1)  # [L, B, 3 h w]
        moved = moved.view(-1, 3, height * width)
        shift, points = moved[:, :2], nodes.reshape(-1, 2).T + moved[:, :2]
        depth, weight = solid.reshape(2, -1)
        posed = pose.shift(points, depth + moved[:, 2])
        way: Tensor = (shift + weight * posed).view(-1, 2, height, width)
        return way

    def invert(self, shift: Tensor, grid: Grid, targets: Tensor, start: Tensor) -> Tensor:
        """As in `Painter`."""
        return invert(shift, grid, targets, start)

    def lip_layers(self, forward: Tensor, shift: Tensor, corner: Tensor) -> tuple[Tensor, Tensor]:
        """As in `Painter`."""
        n_frames, lips = len(shift), self.grids.lips
        targets = self._window_nodes + corner.to(shift.device)[:, None, None]
        cells = self.grids.whole.to_cells(targets)
        skin = sample_planes(shift.permute(0, 3, 1, 2), cells).permute(0, 2, 3, 1)
        both = targets.repeat(2, 1, 1, 1)
        sources = invert(forward, lips, both, (targets + skin).repeat(2, 1, 1, 1))
        edges = self.rig.lip_edges[:, None, None].expand(-1, n_frames, -1, -1, -1)
        inside = sample_planes(edges.flatten(0, 1), lips.to_cells(sources))
        layers = torch.cat([sources - both, inside.permute(0, 2, 3, 1)], dim=-1)
        return layers.view(2, n_frames, *layers.shape[1:]), skin

    def move_eyes(self, coords: Tensor, corner: Tensor, motion: Tensor) -> Tensor:
        """As in `Painter`."""
        sources, overlay = self.rig.eyes.warp(cut(coords, corner, self.grids.eyes), motion)
        paste(coords, sources, corner)
        return overlay.permute(0, 2, 3, 1)

    def cover(self, frames: Tensor, paint: Tensor, corner: Tensor) -> None:
        """As in `Painter`."""
        under = cut(frames, corner, self.grids.eyes).float()
        paste(frames, torch.lerp(under, 255 * paint[..., :3], paint[..., 3:]), corner)

    def place_lips(self, coords: Tensor, lips: LipWarp) -> None:
        """As in `Painter`."""
        upper, lower = lips.layers
        nearer = torch.where(upper[..., 2:] > lower[..., 2:], upper[..., :2], lower[..., :2])
        shift = torch.lerp(lips.skin, nearer, self._feather)
        window = self.grids.mouth
        size = (round(window.height * window.cell), round(window.width * window.cell))
        large = self.sampling.enlarge(shift, *size)
        paste(coords, large + self._window_pixels(lips.corner, *size), lips.corner)

    def add_mouth(self, frames: Tensor, lips: LipWarp, motion: Tensor, controls: Tensor) -> None:
        """As in `Painter`."""
        self._drawn_mouth(frames, lips, motion, controls)

    def _drawn_mouth(
        self, frames: Tensor, lips: LipWarp, motion: Tensor, controls: Tensor
    ) -> tuple[MouthView, Tensor, slice] | None:
        """As `add_mouth`; the view of a box, its corner, and its part that was drawn, or None."""
        cell = int(self.grids.mouth.cell)
        reach = MOIST_REACH * float(self.rig.face[4])
        box = box_of((lips.layers[..., 2:] < reach).all(dim=0).any(dim=0)[..., 0])
        if box is None:
            return None
        top, bottom, left, right = box
        size = ((bottom - top) * cell, (right - left) * cell)
        corner = lips.corner + torch.tensor([left, top]) * cell
        upper, lower = (
            self.sampling.enlarge(layer[:, top:bottom, left:right], *size) for layer in lips.layers
        )
        pixels = self._window_pixels(corner, *size)
        view = MouthView(
            upper[..., :2] + pixels, lower[..., :2] + pixels, upper[..., 2:], lower[..., 2:],
            _on_plane(pixels, lips.plane), motion, controls,
        )  # fmt: skip
        colours = draw_mouth(self.rig, self._picture, view, self.sampling)
        near = torch.maximum(view.above, view.below) < reach
        rim = slice(cell, -cell)  # enlarging is inexact at the rim of the box
        corner = corner + cell
        inner = Grid(0, 0, 1, size[0] - 2 * cell, size[1] - 2 * cell)
        under = cut(frames, corner, inner).float()
        paste(frames, torch.where(near[:, rim, rim], colours[:, rim, rim], under), corner)
        return view, corner, rim

    def _window_pixels(self, corner: Tensor, height: int, width: int) -> Tensor:
        """Pixels [B, h, w, 2] of windows at `corner`."""
        return self._pixels[:height, :width] + corner.to(self._pixels.device)[:, None, None]


class MappingPainter(TorchPainter):
    """Notes how much of the portrait each pixel shows, see `MappedFrames.shown`."""

    shown: Tensor  # [B, H, W, 1]

    def cover(self, frames: Tensor, paint: Tensor, corner: Tensor) -> None:
        """As in `Painter`."""
        paste(self.shown, _kept(cut(frames, corner, self.grids.eyes), paint), corner)
        super().cover(frames, paint, corner)

    def add_mouth(self, frames: Tensor, lips: LipWarp, motion: Tensor, controls: Tensor) -> None:
        """As in `Painter`."""
        drawn = self._drawn_mouth(frames, lips, motion, controls)
        if drawn is not None:
            view, corner, rim = drawn
            share = lips_share(view, float(self.rig.face[8]))
            paste(self.shown, share[:, rim, rim], corner)


def _on_plane(pixels: Tensor, plane: Tensor) -> Tensor:
    """Coordinates of `pixels` [B, h, w, 2] along the two axes of `plane` [B, 2, 3]."""
    inverse = torch.linalg.inv_ex(plane[:, :, 1:])[0]  # [B, 2, 2]
    x, y = (pixels - plane[:, None, None, :, 0]).unbind(dim=-1)
    (xx, xy), (yx, yy) = (row[:, :, None, None].unbind(1) for row in inverse.unbind(1))
    return torch.stack([xx * x + xy * y, yx * x + yy * y], dim=-1)


def _kept(under: Tensor, paint: Tensor) -> Tensor:
    """How much of the picture `under` is as it was below `paint`, 0..1 [B, h, w, 1]."""
    change = (255 * paint[..., :3] - under.float()).abs().amax(-1, keepdim=True)
    return (1.5 - change * paint[..., 3:] / _PAINTED).clamp(0, 1)
