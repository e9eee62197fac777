"""Draws a rig: motion in, frames out, in batches, on any device.

Each frame is one look-up of the portrait: the fields of skin, lips, lids and head are joined and
inverted on coarse grids, enlarged, and applied once. Only the inside of the mouth and the closed
lids are painted on top.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from talking_portrait_ros.frames.rig.controls import rig_controls
from talking_portrait_ros.frames.rig.native import NativePainter
from talking_portrait_ros.frames.rig.painter import Grids, MappingPainter, Painter, TorchPainter
from talking_portrait_ros.frames.rig.pose import Head, HeadPose
from talking_portrait_ros.frames.rig.rig import Rig
from talking_portrait_ros.frames.rig.sampling import Sampling, sample_planes, sampling_for
from talking_portrait_ros.frames.rig.solve import Grid
from talking_portrait_ros.frames.rig.windows import LipWarp, around_box, around_mouth
from talking_portrait_ros.spaces import MOTION_WIDTH


@dataclass(frozen=True)
class MappedFrames:
    """Frames, and where in the portrait their pixels come from.

    Attributes:
        frames: uint8 RGB [B, H, W, 3].
        sources: x and y in the portrait, pixels [B, H, W, 2].
        shown: share of the portrait in each pixel; the rest is paint (inner mouth, closed lids),
            0..1 [B, H, W, 1].
    """

    frames: Tensor
    sources: Tensor
    shown: Tensor


class RigRenderer:
    """The portrait of one rig in any motion."""

    def __init__(
        self, rig: Rig, device: torch.device | str = "cpu", sampling: Sampling | None = None
    ) -> None:
        """Put `rig` on `device`.

        Drawn in C on a CPU, where that has been built, else in PyTorch; a given `sampling` asks
        for PyTorch with that one.
        """
        self.rig = rig.to(device)
        self.sampling = sampling or sampling_for(device)
        self.resolution = rig.resolution
        size, nodes = rig.resolution, rig.skin_basis.shape[-1]
        self._whole = Grid(0, 0, size / nodes, nodes, nodes)
        left, top, cell = (float(number) for number in rig.mouth_box)
        self._mouth = Grid(left, top, cell, *rig.lip_basis.shape[-2:])
        self._nodes = self._whole.nodes(device)  # [g, g, 2]
        self._lip_nodes = self._mouth.nodes(device)
        self._pixels = Grid(0, 0, 1, size, size).nodes(device)  # [H, W, 2]
        self._picture = self.rig.picture.float()
        head = self.rig.head
        centre = torch.full((2,), (size - 1) / 2, device=head.device)
        self._head = Head(head[:3], head[3], head[4], centre)
        self._mouth_window = around_mouth(self._mouth, rig.face[:2].tolist(), size)
        self._eye_window = around_box(*rig.eyes.box, size)
        self._grids = Grids(self._whole, self._mouth, self._mouth_window, self._eye_window)
        in_c = sampling is None and NativePainter.can_draw_on(device)
        self._painter: Painter = (NativePainter if in_c else TorchPainter)(
            self.rig, self.sampling, self._grids
        )
        self._anchors, self._anchor_depths = self._find_anchors()

    @torch.inference_mode()
    def render(self, motion: Tensor) -> Tensor:
        """Frames of `motion` [B, 58]: uint8 RGB [B, H, W, 3] on the renderer's device."""
        return _as_bytes(self._draw(motion, self.rig.picture, self._painter)[0])

    @cached_property
    def _mapping(self) -> MappingPainter:
        """The painter of `render_mapped`, which a live face does not need."""
        return MappingPainter(self.rig, self.sampling, self._grids)

    @torch.no_grad()
    def render_mapped(self, motion: Tensor) -> MappedFrames:
        """Frames of `motion` [B, 58] with their origin, on the renderer's device."""
        painter = self._mapping
        painter.shown = self._pixels.new_ones(len(motion), *self._pixels.shape[:2], 1)
        frames, sources = self._draw(motion, self.rig.picture, painter)
        return MappedFrames(_as_bytes(frames), sources, painter.shown)

    @torch.no_grad()
    def render_float(self, motion: Tensor) -> Tensor:
        """Frames of `motion` [B, 58]: float RGB 0..1, [B, 3, H, W], on the renderer's device."""
        return (self._draw(motion, self._picture, self._painter)[0] / 255).permute(0, 3, 1, 2)

    def _draw(self, motion: Tensor, picture: Tensor, painter: Painter) -> tuple[Tensor, Tensor]:
        """Frames 0..255 [B, H, W, 3] in the dtype that comes of `picture`, and their sources."""
        if motion.ndim != 2 or motion.shape[1] != MOTION_WIDTH:
            raise ValueError(
                f"motion is {tuple(motion.shape)}; expected shape [B, {MOTION_WIDTH}]"
            )
        motion = motion.to(self._nodes.device, torch.float32)
        controls = rig_controls(motion)
        pose = HeadPose.of(motion, self._head)
        shift = self._skin_shift(pose, controls, painter)  # [B, g, g, 2]
        coords = self.sampling.enlarge(shift, self.resolution, self.resolution)
        coords += self._pixels
        anchors = self._anchors + pose.shift(
            self._anchors.expand(len(motion), -1, -1), self._anchor_depths.expand(len(motion), -1)
        )  # [B, 2, 4]
        corner = self._corners(anchors[:, :, 3], self._eye_window)
        paint = painter.move_eyes(coords, corner, motion)
        lips = self._lip_warp(shift, pose, controls, anchors[:, :, :3], painter)
        painter.place_lips(coords, lips)
        frames = self.sampling.sample(picture, coords)
        painter.cover(frames, paint, corner)
        painter.add_mouth(frames, lips, motion, controls)
        return frames, coords

    def _skin_shift(self, pose: HeadPose, controls: Tensor, painter: Painter) -> Tensor:
        """From nodes of the frame to where they come from, [B, g, g, 2]."""
        forward = painter.forward(
            self.rig.skin_basis[None], self.rig.skin_solid, self._nodes, pose, controls
        )
        nodes = self._nodes.expand(len(controls), -1, -1, -1)
        start = nodes - forward.permute(0, 2, 3, 1)
        return painter.invert(forward, self._whole, nodes, start) - nodes

    def _lip_warp(
        self, shift: Tensor, pose: HeadPose, controls: Tensor, seen: Tensor, painter: Painter
    ) -> LipWarp:
        """Both lip layers, inverted on the coarse grid of the mouth window.

        `seen` is where the middle of the lips and one unit along X and Y are seen, [B, 2, 3].
        """
        plane = torch.cat([seen[:, :, :1], seen[:, :, 1:] - seen[:, :, :1]], dim=2)
        corner = self._corners(plane[:, :, 0], self._mouth_window)
        forward = painter.forward(
            self.rig.lip_basis, self.rig.lip_solid, self._lip_nodes, pose, controls
        )
        layers, skin = painter.lip_layers(forward, shift, corner)
        return LipWarp(layers, skin, plane, corner)

    def _find_anchors(self) -> tuple[Tensor, Tensor]:
        """Middle of the lips, one unit along X and Y from it, middle of the eyes: [2, 4], [4]."""
        face = self.rig.face
        along = face[2:4] * face[4]
        down = torch.stack([-along[1], along[0]])
        x0, y0, x1, y1 = self.rig.eyes.box
        eyes = face.new_tensor([(x0 + x1) / 2, (y0 + y1) / 2])
        cells = self._whole.to_cells(eyes).expand(1, 1, 1, 2)
        depth = sample_planes(self.rig.skin_solid[None, :1], cells).view(1)
        points = torch.stack([face[:2], face[:2] + along, face[:2] + down, eyes], dim=1)
        return points, torch.cat([face[5].expand(3), depth])

    def _corners(self, middle: Tensor, window: Grid) -> Tensor:
        """Left and upper pixel [B, 2] of windows that follow `middle` [B, 2], inside the frame."""
        size = torch.tensor([window.width, window.height]) * int(window.cell)
        rest = torch.tensor([window.left, window.top])
        corner = (middle.cpu() + rest).round().long().clamp(min=0)
        return torch.minimum(corner, self.resolution - size)


def _as_bytes(frames: Tensor) -> Tensor:
    return frames if frames.dtype == torch.uint8 else frames.round().clamp(0, 255).byte()
