"""The lip contours of a portrait as curves over the mouth, and how far apart they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from talking_portrait_ros.frames.rig.face_frame import F64, FaceFrame, smoothstep

OUTER_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
INNER_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
N_KNOTS = 193
REACH = 0.9
_CORNERS = ((78, 61), (308, 291))
CLOSED_GAP = 0.016
_TOOTHY_GAP = 0.05


@dataclass(frozen=True)
class LipCurves:
    """Heights Y of the four lip contours over X, face units; beyond the corners all are one line.

    Attributes:
        x: knots [N].
        outer_upper: upper border of the upper lip [N].
        inner_upper: lower border of the upper lip [N].
        inner_lower: upper border of the lower lip [N].
        outer_lower: lower border of the lower lip [N].
        right: X of the mouth corner near the left edge of the picture (negative).
        left: X of the other corner.
    """

    x: F64
    outer_upper: F64
    inner_upper: F64
    inner_lower: F64
    outer_lower: F64
    right: float
    left: float

    @property
    def gap(self) -> float:
        """Opening of the lips at the middle."""
        middle = np.abs(self.u(self.x)) < 0.3
        return float((self.inner_lower - self.inner_upper)[middle].mean())

    @property
    def half_width(self) -> float:
        """Half the distance of the corners."""
        return (self.left - self.right) / 2

    @property
    def closed(self) -> bool:
        """Whether the picture shows closed lips."""
        return self.gap < CLOSED_GAP

    @property
    def toothy(self) -> float:
        """0 lips closed, 1 a clear row of teeth between them."""
        return float(np.clip((self.gap - CLOSED_GAP) / (_TOOTHY_GAP - CLOSED_GAP), 0, 1))

    def u(self, x: F64) -> F64:
        """Position across the mouth: -1 and 1 at the corners, however the face is turned."""
        turn = smoothstep(x / (2 * self.half_width) + 0.5)
        across: F64 = x / (-self.right + (self.left + self.right) * turn)
        return across

    def at(self, curve: F64, x: F64) -> F64:
        """Height of a contour at any X."""
        return np.interp(x, self.x, curve)


def lip_curves(frame: FaceFrame) -> LipCurves:
    """The contours that the landmarks describe."""
    x = np.linspace(-REACH, REACH, N_KNOTS)
    upper_out, upper_in, lower_in, lower_out = (
        _curve(frame.points[list(ring), :2], x)
        for ring in (OUTER_UPPER, INNER_UPPER, INNER_LOWER, OUTER_LOWER)
    )
    right, left = (float(frame.points[list(pair), 0].mean()) for pair in _CORNERS)
    outside = (x <= right) | (x >= left)
    line = (upper_in + lower_in) / 2
    middle = np.minimum(upper_in, lower_in), np.maximum(upper_in, lower_in)
    upper_in, lower_in = (np.where(outside, line, curve) for curve in middle)
    if float(np.mean((lower_in - upper_in)[np.abs(x) < 0.1])) < CLOSED_GAP:
        upper_in = lower_in = (upper_in + lower_in) / 2
    return LipCurves(
        x, np.minimum(upper_out, upper_in), upper_in, lower_in,
        np.maximum(lower_out, lower_in), right, left,
    )  # fmt: skip


def _curve(ring: F64, x: F64) -> F64:
    """A smooth height over X through the points of a ring, level beyond its ends."""
    ordered = ring[np.argsort(ring[:, 0])]
    apart = np.concatenate([[True], np.diff(ordered[:, 0]) > 1e-4])
    ordered = ordered[apart]
    inside = np.clip(x, ordered[0, 0], ordered[-1, 0])
    return np.asarray(PchipInterpolator(ordered[:, 0], ordered[:, 1])(inside))
