"""A small painter: soft masks from smooth curves, laid over each other on a float canvas.

Coordinates are units of a 1024 x 1024 drawing board, x to the right, y down; the picture shows the
part of the board called `VIEW`. Colours are RGB, 0..1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from talking_portrait_ros.chunks import F32, U8

SIDE = 1024  # of the picture, pixels
VIEW = (62.0, 50.0, 900.0)  # left, top and side of what it shows, units
CENTRE_X = 512.0
Colour = Sequence[float]
Points = Sequence[tuple[float, float]]
Floats = NDArray[np.floating[Any]]
SUBPIXEL_BITS = 4


def f32(values: ArrayLike) -> F32:
    """`values` as a float32 array."""
    return np.asarray(values, np.float32)


def to_pixels(points: Floats) -> F32:
    """Points of the board, units, as pixels of the picture (pixel centres are whole numbers)."""
    return f32((points - f32(VIEW[:2])) * (SIDE / VIEW[2]) - 0.5)


def mirrored(right: Points) -> F32:
    """A closed outline from its right half, given from top to bottom as offsets (dx, y)."""
    half = np.asarray(right, np.float32)
    left = half[::-1] * f32([-1, 1])
    ring = np.concatenate([half, left])
    # Points on the axis would come twice.
    keep = np.ones(len(ring), bool)
    keep[len(half)] = half[-1, 0] != 0
    keep[-1] = half[0, 0] != 0
    return f32(ring[keep] + f32([CENTRE_X, 0]))


def smooth(points: Points | F32, closed: bool = False, n_points: int = 200) -> F32:
    """A smooth curve through `points`, [n_points, 2]."""
    knots = np.asarray(points, np.float64)
    if closed:
        knots = np.concatenate([knots, knots[:1]])
    # Centripetal spacing keeps the spline from looping between uneven knots.
    steps = np.linalg.norm(np.diff(knots, axis=0), axis=1) ** 0.5
    at = np.concatenate([[0.0], np.cumsum(steps)])
    spline = CubicSpline(at, knots, bc_type="periodic" if closed else "natural")
    curve: F32 = spline(np.linspace(0, at[-1], n_points)).astype(np.float32)
    return curve


class Canvas:
    """A picture in the making: float32 `rgb` [H, W, 3], 0..1, and the painter's verbs."""

    def __init__(self, scale: float) -> None:
        """A black canvas, `scale` times the size of the picture."""
        left, top, width = VIEW
        side = round(SIDE * scale)
        self.scale = side / width  # pixels per unit
        self.rgb: F32 = np.zeros((side, side, 3), np.float32)
        axis = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(self.scale)
        self.x, self.y = np.meshgrid(axis + np.float32(left), axis + np.float32(top))  # [H, W]

    def fixed(self, points: Floats) -> NDArray[np.int32]:
        """`points` in OpenCV's fixed-point pixels."""
        pixels = ((points - f32(VIEW[:2])) * self.scale - 0.5) * (1 << SUBPIXEL_BITS)
        return np.round(pixels).astype(np.int32)

    def area(self, *outlines: Floats, blur: float = 0) -> F32:
        """Mask of everything inside the outlines, 0..1, [H, W], its edge `blur` units soft."""
        mask = np.zeros(self.x.shape, np.uint8)
        for outline in outlines:
            cv2.fillPoly(mask, [self.fixed(outline)], (255,), cv2.LINE_AA, SUBPIXEL_BITS)
        return self.blurred(mask.astype(np.float32) / np.float32(255), blur)

    def stroke(self, curve: Floats, width: Callable[[float], float]) -> F32:
        """Outline of a stroke along `curve`; `width` in units is a function of 0..1 along it."""
        tangent = np.gradient(curve, axis=0)
        normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
        half = f32([width(t) / 2 for t in np.linspace(0, 1, len(curve))])[:, None]
        return np.concatenate([curve + normal * half, (curve - normal * half)[::-1]])

    def line(self, curve: Floats, width: Callable[[float], float], blur: float = 0) -> F32:
        """Mask of a stroke; see `stroke`."""
        return self.area(self.stroke(curve, width), blur=blur)

    def blob(self, x: float, y: float, width: float, height: float) -> F32:
        """A soft Gaussian spot, 1 at its centre."""
        spot: F32 = np.exp(-0.5 * (((self.x - x) / width) ** 2 + ((self.y - y) / height) ** 2))
        return spot.astype(np.float32)

    def blurred(self, mask: Floats, sigma: float) -> F32:
        """`mask` blurred by `sigma` units; wide blurs work on a smaller copy."""
        pixels = sigma * self.scale
        if pixels <= 0:
            return mask
        shrink = int(max(1, pixels // 6))
        side = mask.shape[0]
        small = cv2.resize(mask, (side // shrink, side // shrink), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), pixels / shrink)
        return f32(cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR))

    def lay(self, mask: Floats, colour: Colour | Floats, opacity: float = 1) -> None:
        """Cover with `colour` (one colour, or a picture [H, W, 3]) where `mask` is."""
        share = (mask * np.float32(opacity))[..., None]
        self.rgb += (np.asarray(colour, np.float32) - self.rgb) * share

    def darken(self, mask: Floats, colour: Colour, opacity: float = 1) -> None:
        """Multiply by `colour` where `mask` is: shadow that keeps what lies below."""
        share = (mask * np.float32(opacity))[..., None]
        self.rgb *= 1 + (np.asarray(colour, np.float32) - 1) * share

    def lighten(self, mask: Floats, colour: Colour, opacity: float = 1) -> None:
        """Screen with `colour` where `mask` is: gloss."""
        share = (mask * np.float32(opacity))[..., None]
        self.rgb += (1 - self.rgb) * np.asarray(colour, np.float32) * share

    def picture(self) -> U8:
        """The canvas reduced to 1024 x 1024, uint8 RGB."""
        small = cv2.resize(self.rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        return np.clip(small * 255 + 0.5, 0, 255).astype(np.uint8)
