"""Draws a rig: motion in, frames out, in batches, on any device."""

from __future__ import annotations

import torch
from torch import Tensor

from talking_portrait_ros.frames.rig.controls import rig_controls
from talking_portrait_ros.frames.rig.mouth import MouthView, draw_mouth, feather
from talking_portrait_ros.frames.rig.pose import Head, pose_shift
from talking_portrait_ros.frames.rig.rig import Rig
from talking_portrait_ros.frames.rig.sampling import (
    Sampling,
    sample_planes,
    sampling_for,
)
from talking_portrait_ros.frames.rig.solve import Grid, invert, with_slopes
from talking_portrait_ros.spaces import MOTION_WIDTH

_ROLL_MARGIN = 0.24


class RigRenderer:
    """The portrait of one rig in any motion."""

    def __init__(
        self, rig: Rig, device: torch.device | str = "cpu", sampling: Sampling | None = None
    ) -> None:
        """Put `rig` on `device`; `sampling` is the faster one there unless given."""
        self.rig = rig.to(device)
        self.sampling = sampling or sampling_for(device)
        self.resolution = rig.resolution
        size, nodes = rig.resolution, rig.skin_basis.shape[-1]
        self._whole = Grid(0, 0, size / nodes, nodes, nodes)
        left, top, cell = (float(number) for number in rig.mouth_box)
        height, width = rig.lip_basis.shape[-2:]
        self._mouth = Grid(left, top, cell, height, width)
        self._nodes = self._whole.nodes(device)  # [g, g, 2]
        self._lip_nodes = self._mouth.nodes(device)
        self._window = self._mouth_window()
        self._feather = feather(
            int(self._window.height * cell), int(self._window.width * cell), device
        )
        self._pixels = Grid(0, 0, 1, size, size).nodes(device)  # [H, W, 2]
        head = self.rig.head
        centre = torch.full((2,), (size - 1) / 2, device=head.device)
        self._head = Head(head[:3], head[3], head[4], centre)
        self._eye_window = self._window_around(*rig.eyes.box)

    @torch.inference_mode()
    def render(self, motion: Tensor) -> Tensor:
        """Frames of `motion` [B, 58]: uint8 RGB [B, H, W, 3] on the renderer's device."""
        frames = self._draw(motion, self.rig.picture)
        return frames if frames.dtype == torch.uint8 else frames.round().clamp(0, 255).byte()

    @torch.inference_mode()
    def render_float(self, motion: Tensor) -> Tensor:
        """Frames of `motion` [B, 58]: float RGB 0..1, [B, 3, H, W], on the renderer's device."""
        return (self._draw(motion, self.rig.picture.float()) / 255).permute(0, 3, 1, 2)

    def _draw(self, motion: Tensor, picture: Tensor) -> Tensor:
        """Frames 0..255 [B, H, W, 3] in the dtype that the sampling gives for `picture`."""
        if motion.ndim != 2 or motion.shape[1] != MOTION_WIDTH:
            raise ValueError(
                f"motion is {tuple(motion.shape)}; expected shape [B, {MOTION_WIDTH}]"
            )
        motion = motion.to(self._nodes.device, torch.float32)
        controls = rig_controls(motion)
        shift = self._skin_shift(motion, controls)  # [B, g, g, 2]
        coords = self.sampling.enlarge(shift, self.resolution, self.resolution) + self._pixels
        frames = self.sampling.sample(picture, coords)
        self._add_eyes(frames, coords, motion, picture)
        self._add_mouth(frames, shift, motion, controls)
        return frames

    def _skin_shift(self, motion: Tensor, controls: Tensor) -> Tensor:
        forward = self._forward(
            self.rig.skin_basis[None], self.rig.skin_solid[None], self._nodes, motion, controls
        )
        nodes = self._nodes.expand(len(motion), -1, -1, -1)
        field = with_slopes(forward, self._whole.cell)
        return invert(field, self._whole, nodes, nodes - forward.permute(0, 2, 3, 1)) - nodes

    def _forward(
        self, basis: Tensor, solid: Tensor, nodes: Tensor, motion: Tensor, controls: Tensor
    ) -> Tensor:
        """Way of each node of L layers, [L * B, 2, h, w]."""
        layers, n_controls, _, height, width = basis.shape
        moved = controls @ basis.reshape(layers, n_controls, -1)  # [L, B, 3 h w]
        moved = moved.view(-1, 3, height * width)
        motion = motion.repeat(layers, 1)
        shift, points = moved[:, :2], nodes.reshape(-1, 2).T + moved[:, :2]
        depth, weight = solid[0, 0].reshape(-1), solid[0, 1].reshape(-1)
        posed = pose_shift(points, depth + moved[:, 2], motion, self._head)
        return (shift + weight * posed).view(-1, 2, height, width)

    def _add_mouth(self, frames: Tensor, shift: Tensor, motion: Tensor, controls: Tensor) -> None:
        n_frames, window = len(motion), self._window
        plane = self._mouth_plane(motion)  # [B, 2, 3]
        corner = self._corners(plane[:, :, 0], window)
        offset = corner.to(motion.device)[:, None, None]
        local = Grid(0, 0, window.cell, window.height, window.width)
        targets = local.nodes(motion.device) + offset  # [B, m, n, 2]
        first = targets + sample_planes(
            shift.permute(0, 3, 1, 2), self._whole.to_cells(targets)
        ).permute(0, 2, 3, 1)
        forward = self._forward(
            self.rig.lip_basis, self.rig.lip_solid[None], self._lip_nodes, motion, controls
        )
        both = targets.repeat(2, 1, 1, 1)
        sources = invert(with_slopes(forward, self._mouth.cell), self._mouth, both,
                         first.repeat(2, 1, 1, 1))  # fmt: skip
        height, width = self._feather.shape[:2]
        pixels = Grid(0, 0, 1, height, width).nodes(motion.device) + offset
        large = self.sampling.enlarge(sources - both, height, width) + pixels.repeat(2, 1, 1, 1)
        place = _on_plane(pixels, plane)
        view = MouthView(large[:n_frames], large[n_frames:], place, motion, controls)
        _paste(frames, draw_mouth(self.rig, view, self.sampling), self._feather, corner)

    def _add_eyes(self, frames: Tensor, coords: Tensor, motion: Tensor, picture: Tensor) -> None:
        window = self._eye_window
        x0, y0, x1, y1 = self.rig.eyes.box
        middle = torch.tensor([(x0 + x1) / 2, (y0 + y1) / 2], device=motion.device)
        cells = self._whole.to_cells(middle).expand(1, 1, 1, 2)
        depth = sample_planes(self.rig.skin_solid[None, :1], cells).view(1)
        points = middle[None, :, None].expand(len(motion), -1, -1)
        posed = pose_shift(points, depth.expand(len(motion), 1), motion, self._head)
        corner = self._corners(middle + posed[..., 0], window)
        height, width = window.height, window.width
        places = torch.stack([coords[b, y : y + height, x : x + width]
                              for b, (x, y) in enumerate(corner.tolist())])  # fmt: skip
        sources, overlay = self.rig.eyes.warp(places, motion)
        colour = self.sampling.sample(picture, sources.contiguous()).float()
        paint = overlay.permute(0, 2, 3, 1)
        colour = colour + (255 * paint[..., :3] - colour) * paint[..., 3:]
        _paste(frames, colour, None, corner)

    def _mouth_plane(self, motion: Tensor) -> Tensor:
        """Where the middle of the lips and one unit along X and Y are seen, [B, 2, 3]."""
        face = self.rig.face
        along = face[2:4] * face[4]
        down = torch.stack([-along[1], along[0]])
        ends = torch.stack([face[:2], face[:2] + along, face[:2] + down], dim=1)  # [2, 3]
        points = ends.expand(len(motion), -1, -1)
        depth = face[5].expand(len(motion), 3)
        seen = points + pose_shift(points, depth, motion, self._head)
        return torch.cat([seen[:, :, :1], seen[:, :, 1:] - seen[:, :, :1]], dim=2)

    def _corners(self, middle: Tensor, window: Grid) -> Tensor:
        """Left and upper pixel [B, 2] of windows that follow `middle` [B, 2], inside the frame."""
        size = torch.tensor([window.width, window.height]) * int(window.cell)
        rest = torch.tensor([window.left, window.top])
        corner: Tensor = (middle.cpu() + rest).round().long().clamp(min=0)
        return corner.minimum(self.resolution - size)

    def _mouth_window(self) -> Grid:
        """A window in the frame that holds the moved mouth; left and top relative to the lips."""
        box, cell = self._mouth, self._mouth.cell
        most = int(self.resolution // cell)
        left, top = box.left - float(self.rig.face[0]), box.top - float(self.rig.face[1])
        side = 0.08 * box.width * cell
        width = min(round(box.width + 2 * side / cell), most)
        return Grid(left - side, top, cell, min(box.height, most), width)

    def _window_around(self, x0: int, y0: int, x1: int, y1: int) -> Grid:
        """A window that holds the turned box; left and top relative to the box's middle."""
        width, height = x1 - x0, y1 - y0
        wide = min(round(1.08 * width + _ROLL_MARGIN * height), self.resolution)
        high = min(round(1.08 * height + _ROLL_MARGIN * width), self.resolution)
        return Grid(-wide / 2, -high / 2, 1, high, wide)


def _on_plane(pixels: Tensor, plane: Tensor) -> Tensor:
    """Coordinates of `pixels` [B, h, w, 2] along the two axes of `plane` [B, 2, 3]."""
    inverse = torch.linalg.inv(plane[:, :, 1:])  # [B, 2, 2]
    from_origin = pixels - plane[:, None, None, :, 0]
    return from_origin @ inverse.transpose(1, 2)[:, None]


def _paste(frames: Tensor, colours: Tensor, share: Tensor | None, corner: Tensor) -> None:
    """Lay windows [B, h, w, 3] into the frames, in place."""
    height, width = colours.shape[1:3]
    for frame, colour, (x, y) in zip(frames, colours, corner.tolist(), strict=True):
        place = frame[y : y + height, x : x + width]
        mixed = colour if share is None else torch.lerp(place.float(), colour, share)
        place.copy_(mixed if place.is_floating_point() else mixed.round_().clamp_(0, 255))
