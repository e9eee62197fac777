"""Face coordinates: where a point of the picture lies on the face, whatever its size and tilt.

X runs along the eye axis towards the right edge of the picture, Y down the face, both in units of
`unit_px`, the 3-D distance of the outer eye corners; the origin is the middle of the lips. All
shapes and amplitudes of the rig are written in these units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talking_portrait_ros.chunks import F32

F64 = NDArray[Any]

EYE_RIGHT, EYE_LEFT, LIP_UPPER, LIP_LOWER = 33, 263, 13, 14
EAR_RIGHT, EAR_LEFT, CHIN = 234, 454, 152


@dataclass(frozen=True)
class FaceFrame:
    """Origin, axes and unit of the face in one picture.

    Attributes:
        origin: middle of the lips, pixels [2].
        axes: rows ex and ey, unit vectors in the picture [2, 2].
        unit_px: length of 1 on the face, pixels.
        points: the landmarks in face coordinates [478, 3]; z is relative to the lips.
    """

    origin: F64
    axes: F64
    unit_px: float
    points: F64

    def from_pixels(self, pixels: F64) -> F64:
        """Face coordinates of picture positions [..., 2]."""
        found: F64 = (pixels - self.origin) @ self.axes.T / self.unit_px
        return found

    def vectors_to_pixels(self, vectors: F64) -> F64:
        """Displacements on the face [..., 2] as displacements in the picture."""
        moved: F64 = vectors @ self.axes * self.unit_px
        return moved


def face_frame(landmarks: F32) -> FaceFrame:
    """The face coordinates of a picture with these landmarks [478, 3]."""
    marks = landmarks.astype(np.float64)
    across = marks[EYE_LEFT] - marks[EYE_RIGHT]
    unit = float(np.linalg.norm(across))
    ex = across[:2] / np.linalg.norm(across[:2])
    axes = np.stack([ex, np.array([-ex[1], ex[0]])])
    lips = (marks[LIP_UPPER] + marks[LIP_LOWER]) / 2
    flat = (marks[:, :2] - lips[:2]) @ axes.T / unit
    points = np.concatenate([flat, (marks[:, 2:] - lips[2]) / unit], axis=1)
    return FaceFrame(lips[:2], axes, unit, points)


def smoothstep(values: F64) -> F64:
    """0 below 0, 1 above 1, an S between."""
    t = np.clip(values, 0.0, 1.0)
    step: F64 = t * t * (3 - 2 * t)
    return step
