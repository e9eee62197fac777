"""Where the eyes of a portrait lie: the eye frame, the lid margins, the iris.

Lengths in the eye frame are in half eye widths: x from corner to corner (-1..1, to the right of
the picture), y down. Eye 0 is the subject's right one (left in the picture), eye 1 the left one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

F32 = NDArray[np.float32]
Array = NDArray[Any]

CORNERS = ((33, 133), (362, 263))
UPPER = ((246, 161, 160, 159, 158, 157, 173), (398, 384, 385, 386, 387, 388, 466))
LOWER = ((7, 163, 144, 145, 153, 154, 155), (382, 381, 380, 374, 373, 390, 249))
BROW = ((46, 53, 52, 65, 55), (285, 295, 282, 283, 276))
IRIS = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class EyeFrame:
    """Where an eye lies and how its lids run.

    Attributes:
        centre: between the corners, pixels.
        axis: unit vector from corner to corner, to the right of the picture.
        half: half the eye width, pixels.
        upper: a, b, c of the upper margin y = (1 - x^2) (a + b x + c x^2).
        lower: the same of the lower margin.
        brow: slope and offset of the line under the brow.
        iris: x, y and radius of the iris, eye frame.
        inner: the x of the inner corner, -1 or 1.
    """

    centre: Array  # [2]
    axis: Array  # [2]
    half: float
    upper: Array  # [3]
    lower: Array  # [3]
    brow: Array  # [2]
    iris: Array  # [3]
    inner: int

    def to_eye(self, points: Array) -> tuple[Array, Array]:
        """Eye-frame x and y of pixel positions [..., 2]."""
        offset = (points - self.centre) / self.half
        normal = np.array([-self.axis[1], self.axis[0]])
        return offset @ self.axis, offset @ normal

    def to_pixels(self, x: Array, y: Array) -> Array:
        """Pixel positions [..., 2] of eye-frame x and y."""
        normal = np.array([-self.axis[1], self.axis[0]])
        offset = x[..., None] * self.axis + y[..., None] * normal
        return np.asarray(self.centre + self.half * offset)

    def margin(self, curve: Array, x: Array) -> Array:
        """Height of a lid margin at x; 0 beyond the corners."""
        x = np.clip(x, -1, 1)
        return np.asarray((1 - x**2) * (curve[0] + curve[1] * x + curve[2] * x**2))


def fit_frame(image: F32, landmarks: F32, eye: int) -> EyeFrame:
    """The frame of one eye (0 the subject's right) of a picture [H, W, 3] with landmarks [478, 3].

    Raises:
        ValueError: the eye has no width.
    """
    left, right = (landmarks[i, :2].astype(np.float64) for i in CORNERS[eye])
    width = float(np.linalg.norm(right - left))
    if not width > 4:
        raise ValueError(
            f"landmarks: eye corners are {width:.1f} pixels apart; use a picture in which the "
            "face is larger and looks at the camera"
        )
    flat = np.zeros(3)
    frame = EyeFrame(
        centre=(left + right) / 2,
        axis=(right - left) / width,
        half=width / 2,
        upper=flat,
        lower=flat,
        brow=flat[:2],
        iris=flat,
        inner=1 - 2 * eye,
    )
    upper, lower = (_fit_margin(frame, landmarks[list(k[eye]), :2]) for k in (UPPER, LOWER))
    brow = np.polyfit(*frame.to_eye(landmarks[list(BROW[eye]), :2]), 1)
    rings = landmarks[list(IRIS), :2].astype(np.float64)  # [2, 5, 2], centre first
    radius = np.linalg.norm(rings[:, 1:] - rings[:, :1], axis=2).mean() / frame.half
    iris = np.array([*(float(v) for v in frame.to_eye(rings[eye, 0])), radius])
    frame = replace(frame, upper=upper, lower=lower, brow=brow, iris=iris)
    return replace(frame, iris=_fit_iris(image @ LUMA, frame))


def _fit_iris(luma: Array, frame: EyeFrame) -> Array:
    """The disc near the tracked one whose visible rim is the strongest step to the white."""
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    near, wide = np.linspace(-0.09, 0.09, 7), np.linspace(0.92, 1.12, 6)
    shifts = np.stack(np.meshgrid(near, near, wide, indexing="ij"), -1).reshape(-1, 3)
    discs = np.concatenate([frame.iris[:2] + shifts[:, :2], frame.iris[2] * shifts[:, 2:]], 1)
    steps, seen = np.zeros((len(discs), 24)), np.ones((len(discs), 24), bool)
    for scale, sign in ((0.88, -1.0), (1.14, 1.0)):
        x = discs[:, :1] + discs[:, 2:] * scale * np.cos(turn)
        y = discs[:, 1:2] + discs[:, 2:] * scale * np.sin(turn)
        place = frame.to_pixels(x, y)
        steps += sign * map_coordinates(luma, (place[..., 1], place[..., 0]), order=1)
        lids = (frame.margin(curve, x) for curve in (frame.upper, frame.lower))
        above, below = lids
        seen &= (y > above + 0.06) & (y < below - 0.04)
    strength = (steps * seen).sum(1) / np.maximum(seen.sum(1), 6)
    cost = 0.05 * (np.abs(shifts[:, :2]).sum(1) / 0.09 + np.abs(shifts[:, 2] - 1) / 0.15)
    best = int(np.argmax(strength - cost * max(float(strength.max()), 0.02)))
    return np.asarray(discs[best])


def _fit_margin(frame: EyeFrame, points: F32) -> Array:
    x, y = frame.to_eye(points)
    bump = 1 - np.clip(x, -0.97, 0.97) ** 2
    design = bump[:, None] * np.stack([np.ones_like(x), x, x**2], 1)
    return np.asarray(np.linalg.lstsq(design, y, rcond=None)[0])


def eye_box(frame: EyeFrame, height: int, width: int) -> tuple[int, int, int, int]:
    """Pixels (x0, y0, x1, y1) that the eye can change, brow to upper cheek."""
    x = np.array([-1.25, 1.25, -1.25, 1.25])
    y = np.array([-1.15, -1.15, 1.05, 1.05])
    corners = frame.to_pixels(x, y)
    low, high = np.floor(corners.min(0)), np.ceil(corners.max(0)) + 1
    x0, y0 = np.clip(low, 0, [width - 2, height - 2]).astype(int)
    x1, y1 = np.clip(high, [x0 + 2, y0 + 2], [width, height]).astype(int)
    return int(x0), int(y0), int(x1), int(y1)
