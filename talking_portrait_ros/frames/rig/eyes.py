"""Blinks, squints, wide eyes and gaze of the portrait rig.

The eye is drawn in layers, back to front: sclera, iris disc, shadow of the lid, closed-eye skin,
lash strips that ride on the lid margins (see `eye_plates`). Points of the picture outside the
eyes are left alone. Works on un-posed portrait pixels, so head pose and brows come for free.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from talking_portrait_ros.frames.rig.eye_frame import F32, EyeFrame, fit_frame
from talking_portrait_ros.frames.rig.eye_motion import EyePose, eye_controls, find_windows
from talking_portrait_ros.frames.rig.eye_plates import (
    SHADOW,
    SHADOW_DEPTH,
    EyePlates,
    paint_plates,
)

_MARGIN_PX = 1.3  # softness of the lid margins
_EYEBALL = 0.85  # radius of the eyeball, half eye widths: foreshortens the iris


@dataclass(frozen=True)
class EyeRig:
    """Both eyes of one portrait, ready to move; E = 2, the subject's right eye first.

    Attributes:
        bounds: x0, y0, x1, y1 of each eye, portrait pixels, [E, 4].
        to_eye: eye-frame x and y (rows) from pixel x, y and 1 (columns), [E, 2, 3].
        to_plate: plate position -1..1 from eye-frame x, y and 1 (rows), [E, 3, 2].
        down: pixels of one step down in the eye frame, [E, 2].
        upper: upper lid margin (see `EyeFrame`), [E, 3].
        lower: lower lid margin, [E, 3].
        numbers: half eye width in pixels, slope and offset of the brow line, x and y of the
            iris, skin gain, [E, 6].
        skin: plates of `EyePlates`, padded to one size, [E, 4, h, w].
        lash: [E, 3, h, w].
        sclera: [E, 3, h, w].
        iris: [E, 4, h, w].
    """

    bounds: Tensor
    to_eye: Tensor
    to_plate: Tensor
    down: Tensor
    upper: Tensor
    lower: Tensor
    numbers: Tensor
    skin: Tensor
    lash: Tensor
    sclera: Tensor
    iris: Tensor

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1 in portrait pixels: nothing outside it ever changes."""
        low = self.bounds[:, :2].min(0).values.tolist()
        high = self.bounds[:, 2:].max(0).values.tolist()
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])

    def to(self, device: torch.device | str) -> EyeRig:
        """The same eyes on another device."""
        return EyeRig(**{name: tensor.to(device) for name, tensor in self.state().items()})

    def state(self) -> dict[str, Tensor]:
        """Everything, by name; `from_state` is the way back."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> EyeRig:
        """The eyes that `state` described."""
        return cls(**{field.name: state[field.name] for field in fields(cls)})

    def warp(self, points: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
        """Where to sample the portrait, and what to lay over the sampled picture.

        Args:
            points: un-posed portrait position of each output pixel, [B, h, w, 2]; the smaller
                the grid around the eyes, the faster.
            motion: `motion/arkit-1` rows, [B, 58].

        Returns:
            Source positions [B, h, w, 2], and RGBA 0..1 (not premultiplied) [B, 4, h, w].
        """
        batch, height, width, _ = points.shape
        overlay = points.new_zeros(batch, 4, height, width)
        controls = eye_controls(motion)
        windows = find_windows(points, self.bounds) if bool(controls.any()) else None
        if windows is None:
            return points, overlay
        eyes = torch.stack([points[:, rows, columns] for rows, columns in windows.cuts], 1)
        moved, painted = self._draw(eyes, controls)
        source = points.clone()
        for eye, (rows, columns) in enumerate(windows.cuts):
            source[:, rows, columns] += moved[:, eye]
            overlay[:, :, rows, columns] += painted[:, eye]
        return source, overlay

    def _draw(self, points: Tensor, controls: Tensor) -> tuple[Tensor, Tensor]:
        """Displacement [B, E, h, w, 2] and RGBA [B, E, 4, h, w] at points [B, E, h, w, 2]."""
        eye, pose = _Placed.at(self, points), EyePose.of(controls)
        gap = (eye.lower - eye.upper).clamp(min=0)
        low = -pose.lower * gap
        lower = eye.lower + low
        up = pose.upper * (lower - eye.upper)
        upper = eye.upper + up
        way = self._skin_way(eye, gap, up, low)
        depth = eye.y - upper
        plate = self._sample(self.skin, eye.place(eye.y - way))
        skin, shown = plate[:, :, :3], plate[:, :, 3:]
        bulge = ((eye.y - eye.upper) / (gap + 1e-4)).clamp(0, 1)
        skin = skin * (1 + 0.3 * pose.closing * (bulge - bulge * bulge)).unsqueeze(2)
        skin = skin * (1 + self._lashes(eye, pose, depth, (up, low)))
        ball = self._eyeball(eye, pose)
        shadow = SHADOW * torch.exp(depth.clamp(min=0) * (-1 / SHADOW_DEPTH))
        ball = ball * (1 - shadow).unsqueeze(2)
        half = _spread(self.numbers[:, 0])
        opening = torch.minimum(depth, lower - eye.y) * (half / _MARGIN_PX)
        colour = torch.lerp(skin, ball, opening.clamp(0, 1).unsqueeze(2))
        line = 0.5 * (pose.closing * 2).clamp(max=1) * eye.bump.sqrt()
        reach = torch.where(depth < 0, 0.055, 0.055 + 0.06 * pose.closing)  # lashes point down
        colour = colour * (1 - line * torch.exp(-((depth / reach) ** 2))).unsqueeze(2)
        alpha = shown * pose.active.unsqueeze(2)
        rgba = torch.cat([colour.clamp(0, 1), alpha], 2) * (alpha > 0)
        return way.unsqueeze(-1) * -self.down[:, None, None], rgba

    def _skin_way(self, eye: _Placed, gap: Tensor, up: Tensor, low: Tensor) -> Tensor:
        """The skin around the lids follows them part of the way: down, [B, E, h, w]."""
        below_upper = eye.y - eye.upper
        brow = torch.minimum(eye.brow, eye.upper - 0.5).clamp(min=-1.1)
        above = _smoothstep((eye.y - brow) / (eye.upper - brow))
        above = above * (1 - _smoothstep(below_upper / (gap + 0.15)))
        below = _smoothstep(below_upper / (gap + 0.05))
        below = below * (1 - _smoothstep((eye.y - eye.lower) / 0.6))
        return _spread(self.numbers[:, 5]) * up * above + 0.5 * low * below

    def _lashes(
        self, eye: _Placed, pose: EyePose, depth: Tensor, ways: tuple[Tensor, Tensor]
    ) -> Tensor:
        """The strips that ride on the margins, [B, E, 3, h, w]: paler and flatter when shut."""
        is_upper = depth < eye.lower + ways[1] - eye.y
        way = torch.where(is_upper, ways[0] - 0.4 * pose.closing * depth, ways[1])
        lash = self._sample(self.lash, eye.place(eye.y - way))
        return lash * (1 - torch.where(is_upper, 0.2, 0.75) * pose.closing).unsqueeze(2)

    def _eyeball(self, eye: _Placed, pose: EyePose) -> Tensor:
        """Sclera with the iris where the gaze takes it, [B, E, 3, h, w]."""
        sclera = self._sample(self.sclera, eye.place(eye.y))
        x, y = _spread(self.numbers[:, 3]), _spread(self.numbers[:, 4])
        wider = (1 - (pose.gaze_x / _EYEBALL) ** 2).rsqrt()
        reach = _spread((self.lower[:, 0] - self.upper[:, 0]) / 0.6).clamp(0.4, 1)
        gaze_y = pose.gaze_y * reach  # narrow eyes would lose the iris under the lids
        taller = (1 - (gaze_y / _EYEBALL) ** 2).rsqrt()
        dx = (eye.x - (x + pose.gaze_x)) * wider
        dy = (eye.y - (y + gaze_y)) * taller
        iris = self._sample(self.iris, _Placed.row(self, x + dx) + eye.step(y + dy))
        return torch.lerp(sclera, iris[:, :, :3], iris[:, :, 3:])

    @staticmethod
    def _sample(plate: Tensor, places: Tensor) -> Tensor:
        """Plate [E, C, h, w] at plate positions [B, E, h, w, 2] -> [B, E, C, h, w]."""
        batch, eyes, height, width, _ = places.shape
        grid = places.transpose(0, 1).reshape(eyes, batch * height, width, 2)
        picked = functional.grid_sample(plate, grid, padding_mode="border", align_corners=True)
        return picked.reshape(eyes, -1, batch, height, width).permute(2, 0, 1, 3, 4)


@dataclass(frozen=True)
class _Placed:
    """Grid points in the eye frame, [B, E, h, w] each; `bump` is 1 - x^2 of the lid curves."""

    x: Tensor
    y: Tensor
    bump: Tensor
    upper: Tensor
    lower: Tensor
    brow: Tensor
    across: Tensor  # plate position of (x, 0), [B, E, h, w, 2]
    per_y: Tensor  # plate step per y, [E, 1, 1, 2]

    @classmethod
    def at(cls, rig: EyeRig, points: Tensor) -> _Placed:
        """The points [B, E, h, w, 2] as `rig` sees them."""
        px, py = points.unbind(-1)
        x, y = (
            px * _spread(row[:, 0]) + (py * _spread(row[:, 1]) + _spread(row[:, 2]))
            for row in rig.to_eye.unbind(1)
        )
        inner = x.clamp(-1, 1)
        bump = 1 - inner * inner
        upper, lower = (
            bump * (_spread(k[:, 0]) + inner * (_spread(k[:, 1]) + inner * _spread(k[:, 2])))
            for k in (rig.upper, rig.lower)
        )
        brow = _spread(rig.numbers[:, 2] + 0.12) + _spread(rig.numbers[:, 1]) * x
        per_y = rig.to_plate[:, None, None, 1]
        return cls(x, y, bump, upper, lower, brow, cls.row(rig, x), per_y)

    @staticmethod
    def row(rig: EyeRig, x: Tensor) -> Tensor:
        """Plate positions of (x, 0)."""
        per_x, start = rig.to_plate[:, None, None, 0], rig.to_plate[:, None, None, 2]
        return torch.addcmul(start, x.unsqueeze(-1), per_x)

    def step(self, y: Tensor) -> Tensor:
        """Plate displacement of a way down."""
        return y.unsqueeze(-1) * self.per_y

    def place(self, y: Tensor) -> Tensor:
        """Plate positions of the same x at another y."""
        return torch.addcmul(self.across, y.unsqueeze(-1), self.per_y)


def build_eyes(image: Tensor, landmarks: Tensor) -> EyeRig:
    """The eyes of a portrait.

    Args:
        image: RGB 0..1, [3, H, W].
        landmarks: FaceMesh, pixels of `image`, [478, 3].

    Raises:
        ValueError: the eyes are too small to move.
    """
    picture = image.detach().cpu().permute(1, 2, 0).numpy()
    points = landmarks.detach().cpu().numpy()
    frames = [fit_frame(picture, points, eye) for eye in (0, 1)]
    plates = [paint_plates(picture, frame) for frame in frames]
    size = tuple(max(plate.skin.shape[axis] for plate in plates) for axis in (1, 2))
    layers = {
        name: torch.stack([_padded(getattr(plate, name), size) for plate in plates])
        for name in ("skin", "lash", "sclera", "iris")
    }
    geometry = [_geometry(*pair, size) for pair in zip(frames, plates, strict=True)]
    return EyeRig(**layers, **{k: torch.stack([g[k] for g in geometry]) for k in geometry[0]})


def _padded(plate: F32, size: tuple[int, ...]) -> Tensor:
    margin = (0, size[1] - plate.shape[2], 0, size[0] - plate.shape[1])
    return functional.pad(torch.from_numpy(plate)[None], margin, "replicate")[0]


def _geometry(frame: EyeFrame, plates: EyePlates, size: tuple[int, ...]) -> dict[str, Tensor]:
    """The tensors of one eye that are no pictures, by the names of `EyeRig`."""
    normal = np.array([-frame.axis[1], frame.axis[0]])
    axes = np.stack([frame.axis, normal])  # rows: eye x, eye y
    to_eye = np.column_stack([axes, -axes @ frame.centre]) / frame.half
    scale = 2 / (np.array(size[::-1]) - 1)
    origin = np.array(plates.origin)
    to_plate = np.vstack([axes * frame.half * scale, (frame.centre - origin) * scale - 1])
    corner = origin + plates.skin.shape[:0:-1] - np.ones(2)
    values = {
        "bounds": [*origin, *corner],
        "to_eye": to_eye,
        "to_plate": to_plate,
        "down": normal * frame.half,
        "upper": frame.upper,
        "lower": frame.lower,
        "numbers": [frame.half, *frame.brow, *frame.iris[:2], plates.skin_gain],
    }
    return {k: torch.from_numpy(np.asarray(v, np.float32)) for k, v in values.items()}


def _spread(values: Tensor) -> Tensor:
    return values[:, None, None]


def _smoothstep(t: Tensor) -> Tensor:
    t = t.clamp(0, 1)
    return t * t * (3 - 2 * t)
