"""Eyes and brows."""

from __future__ import annotations

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.frames.avatar import shape
from talking_portrait_ros.frames.avatar.paint import CENTRE_X, Canvas, Floats, f32
from talking_portrait_ros.frames.avatar.shape import IRIS_RADIUS, Eye

_WHITE = (0.955, 0.935, 0.915)
_IRIS_DARK = (0.19, 0.12, 0.09)
_IRIS = (0.44, 0.29, 0.15)
_IRIS_LIGHT = (0.72, 0.52, 0.26)
_LASH = (0.13, 0.075, 0.065)
_HAIR = (0.20, 0.125, 0.095)
_SHADOW = (0.60, 0.40, 0.36)


def paint_eyes(canvas: Canvas) -> None:
    """Both eyes with lids, lashes and brows."""
    random = np.random.default_rng(3)
    for side in (-1, 1):
        eye = shape.eye(side)
        _paint_lids(canvas, eye)
        _paint_ball(canvas, eye)
        _paint_lashes(canvas, eye)
        _paint_brow(canvas, side, random)


def _paint_lids(canvas: Canvas, eye: Eye) -> None:
    """The fold above the eye and the soft shade around it."""
    x, y = eye.iris
    canvas.darken(canvas.blob(x, y - 22, 44, 12), _SHADOW, 0.30)
    canvas.darken(canvas.blob(x - eye.side * 48, y - 2, 14, 22), _SHADOW, 0.28)
    fold = eye.upper * f32([1.06, 1]) + f32([-0.06 * x, -10.5])
    canvas.darken(
        canvas.line(fold[12:196], lambda t: 4.2 * np.sin(np.pi * t) ** 0.6, blur=1.4),
        (0.42, 0.23, 0.19),
        0.75,
    )
    lid = eye.upper + f32([-eye.side * 2, -5.5])
    canvas.lighten(
        canvas.line(lid[40:150], lambda t: 5 * np.sin(np.pi * t), blur=2.2), (1, 0.85, 0.76), 0.22
    )
    bag = eye.lower[20:180] + f32([0, 13])
    canvas.darken(canvas.line(bag, lambda t: 7 * np.sin(np.pi * t), blur=5), _SHADOW, 0.28)


def _paint_ball(canvas: Canvas, eye: Eye) -> None:
    opening = canvas.area(eye.outline, blur=0.5)
    x, y = eye.iris
    canvas.lay(opening, _WHITE)
    canvas.darken(opening * (1 - canvas.blob(x, y, 30, 24)), (0.78, 0.70, 0.66), 0.5)
    inner = eye.upper[0]
    canvas.lay(
        opening * canvas.blob(float(inner[0]), float(inner[1]), 7, 6), (0.84, 0.53, 0.48), 0.9
    )
    _paint_iris(canvas, eye, opening)
    shade = canvas.line(eye.upper + f32([0, 3]), lambda t: 11, blur=4)
    canvas.darken(opening * shade, (0.42, 0.33, 0.34), 0.75)
    spot = np.clip(6 * (canvas.blob(x - 8, y - 9, 5.2, 5.6) - 0.5) + 0.5, 0, 1)
    canvas.lighten(opening * spot, (1, 1, 1), 0.95)
    canvas.lighten(opening * canvas.blob(x + 9, y + 10, 3, 3), (1, 1, 1), 0.5)


def _paint_iris(canvas: Canvas, eye: Eye, opening: Floats) -> None:
    x, y = eye.iris
    radius = np.hypot(canvas.x - x, canvas.y - y) / IRIS_RADIUS
    disc = opening * np.clip((1 - radius) * IRIS_RADIUS / 1.4 + 0.5, 0, 1)
    angle = np.arctan2(canvas.y - y, canvas.x - x)
    fibre = 0.5 + 0.22 * np.sin(angle * 23 + 2 * np.sin(5 * angle)) + 0.16 * np.sin(angle * 41 + 1)
    low = np.clip((canvas.y - y) / IRIS_RADIUS * 0.55 + 0.45, 0, 1)
    colour = f32(_IRIS) + (f32(_IRIS_LIGHT) - f32(_IRIS)) * ((low * fibre * 1.5)[..., None])
    canvas.lay(disc, colour.astype(np.float32))
    canvas.lay(disc * np.clip((radius - 0.72) / 0.28, 0, 1) ** 1.3, _IRIS_DARK, 0.95)
    canvas.lay(disc * np.clip((0.47 - radius) * 9 + 0.5, 0, 1), (0.045, 0.03, 0.03))


def _paint_lashes(canvas: Canvas, eye: Eye) -> None:
    upper, side = eye.upper, eye.side
    band = canvas.line(upper + f32([0, -1.2]), lambda t: 2.2 + 4.2 * t**1.2 * (1.25 - t), blur=0.5)
    canvas.lay(band, _LASH, 0.95)
    lashes = [_lash(canvas, upper, t, side) for t in np.linspace(0.34, 1, 15)]
    canvas.lay(canvas.area(*lashes, blur=0.3), _LASH, 0.85)
    rim = eye.lower[10:195]
    canvas.lighten(canvas.line(rim + f32([0, 0.4]), lambda t: 2.2, blur=0.8), (1, 0.8, 0.75), 0.45)
    canvas.darken(
        canvas.line(rim + f32([0, 2]), lambda t: 0.8 + 1.8 * t, blur=0.7), (0.40, 0.23, 0.20), 0.7
    )


def _lash(canvas: Canvas, upper: Floats, t: float, side: int) -> F32:
    """Outline of the lash that grows at `t` along the upper lid, 0 at the inner corner."""
    root = upper[int(t * 199)]
    length = 3 + 9 * t**1.5
    tip = root + f32([side * (t - 0.30) * 1.7 * length, -length * (1.1 - 0.55 * t)])
    bend = (root + tip) / 2 + f32([side * 2, 2])
    s = np.linspace(0, 1, 12, dtype=np.float32)[:, None]
    curve = (1 - s) ** 2 * root + 2 * s * (1 - s) * bend + s * s * tip
    return canvas.stroke(curve, lambda u: 2.6 * (1 - u) + 0.3)


def _paint_brow(canvas: Canvas, side: int, random: np.random.Generator) -> None:
    outline = shape.brow(side)
    inner = np.clip(((canvas.x - CENTRE_X) * side - 34) / 30, 0, 1)
    canvas.lay(canvas.area(outline, blur=3) * inner, _HAIR, 0.62)
    top, bottom = outline[:100], outline[:99:-1]
    for tone in (0.7, 0.9, 1.15, 1.45):
        hairs = [_brow_hair(canvas, top, bottom, random) for _ in range(36)]
        canvas.lay(canvas.area(*hairs, blur=0.4), f32(_HAIR) * np.float32(tone), 0.62)


def _brow_hair(canvas: Canvas, top: Floats, bottom: Floats, random: np.random.Generator) -> F32:
    t, at = random.uniform(0.0, 0.88), random.uniform(0, 0.5)
    low, high = bottom[int(t * 99)], top[min(99, int((t + 0.14) * 99))]
    start = low + (high - low) * np.float32(at)
    end = low + (high - low) * np.float32(min(1.0, at + 0.6))
    end = end + random.normal(0, 0.8, 2).astype(np.float32)
    s = np.linspace(0, 1, 6, dtype=np.float32)[:, None]
    return canvas.stroke(start + (end - start) * s, lambda u: 2.0 * (1 - 0.75 * u))
