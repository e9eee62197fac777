"""Head, neck, ears and lips: a height map, lit, and coloured like skin."""

from __future__ import annotations

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.frames.avatar import shape
from talking_portrait_ros.frames.avatar.paint import CENTRE_X, Canvas, Floats, f32, smooth

_LIGHT = f32([-0.42, -0.52, 0.74])
_RAMP_AT = [0.0, 0.25, 0.5, 0.75, 1.0]
_RAMP = f32([
    (0.40, 0.20, 0.17), (0.62, 0.36, 0.28), (0.80, 0.54, 0.42), (0.91, 0.69, 0.565),
    (0.985, 0.84, 0.74),
])  # fmt: skip
_LIP_UPPER = (0.75, 0.345, 0.315)
_LIP_LOWER = (0.87, 0.455, 0.405)
_BLUSH = (0.93, 0.42, 0.36)
_SHADOW = (0.60, 0.40, 0.36)

# Bumps of the face: dx, y, width, height, how high; mirrored where dx is not 0.
_BUMPS = [
    (92, 396, 50, 27, -15), (93, 410, 37, 24, 12), (88, 362, 60, 15, 6), (122, 492, 52, 46, 12),
    (0, 592, 80, 58, 15), (0, 512, 19, 18, 16), (34, 521, 12, 11, 12), (0, 645, 38, 9, -6),
    (0, 684, 42, 27, 13), (0, 562, 5, 15, -1.6), (0, 270, 130, 70, 8), (74, 600, 10, 9, -3),
    (0, 588, 36, 7, 3), (0, 618, 34, 10, 7), (140, 585, 36, 50, -6), (62, 560, 9, 26, -2),
    (88, 556, 26, 26, 4),
]  # fmt: skip


def paint_skin(canvas: Canvas) -> None:
    """Neck, ears, head with nose and lips; no eyes, brows or hair."""
    _paint_neck(canvas)
    for side in (-1, 1):
        _paint_ear(canvas, side)
    light = _lit(_height(canvas), canvas.scale)
    head = canvas.area(shape.head())
    canvas.lay(head, _ramp(light))
    # Light that comes back from the room, along the shaded side.
    rim = head * (1 - canvas.area(shape.head() + f32([-7, -3]), blur=5))
    shaded = np.clip((canvas.x - CENTRE_X - 20) / 130, 0, 1)
    canvas.lighten(rim * shaded, (0.75, 0.62, 0.58), 0.28)
    _paint_blush(canvas)
    _paint_freckles(canvas)
    _paint_nose(canvas)
    _paint_lips(canvas)


def _ramp(light: Floats) -> F32:
    """Skin colour under `light` 0..1, [H, W, 3]."""
    channels = [np.interp(light, _RAMP_AT, _RAMP[:, c]) for c in range(3)]
    return np.stack(channels, -1).astype(np.float32)


def _dome(canvas: Canvas, outline: Floats, centre_y: float, depth: float) -> F32:
    """A pillow over a star-shaped outline."""
    dx, dy = outline[:, 0] - CENTRE_X, outline[:, 1] - centre_y
    order = np.argsort(np.arctan2(dy, dx))
    angle, radius = np.arctan2(dy, dx)[order], np.hypot(dx, dy)[order]
    x, y = canvas.x - CENTRE_X, canvas.y - centre_y
    edge = np.interp(np.arctan2(y, x), angle, radius, period=2 * np.pi)
    # A little wider than the outline, so that the slope stays finite on it.
    rho = np.clip(np.hypot(x, y) / (1.045 * edge), 0, 0.998)
    return f32(depth * (1 - rho**2.5) ** 0.5)


def _height(canvas: Canvas) -> F32:
    height = _dome(canvas, shape.head(), 455, 205)
    for dx, y, width, tall, amount in _BUMPS:
        for side in (-1, 1) if dx else (1,):
            height += amount * canvas.blob(CENTRE_X + side * dx, y, width, tall)
    return height + _nose_ridge(canvas)


def _nose_ridge(canvas: Canvas) -> F32:
    """The bridge: rises and widens down to the tip, then falls off."""
    knots = [370, 410, 450, 490, 518, 534, 548]
    amount = np.interp(canvas.y, knots, [0, 9, 18, 27, 31, 15, 0])
    width = np.interp(canvas.y, knots, [16, 13, 14, 17, 21, 22, 22])
    ridge = amount * np.exp(-0.5 * ((canvas.x - CENTRE_X) / width) ** 2)
    return canvas.blurred(ridge.astype(np.float32), 3)


def _lit(height: Floats, scale: float) -> F32:
    """Wrapped diffuse light with a soft gloss, 0..1."""
    dy, dx = np.gradient(height * scale)
    normal = np.stack([-dx, -dy, np.ones_like(dx)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    diffuse = np.clip((normal @ (_LIGHT / np.linalg.norm(_LIGHT)) + 0.35) / 1.35, 0, 1)
    fill = np.clip(normal @ f32([0.8, 0.1, 0.55]), 0, 1)
    half = f32([-0.22, -0.30, 0.93])
    gloss = np.clip(normal @ half, 0, 1) ** 38
    light: F32 = 0.13 + 0.70 * diffuse + 0.13 * fill + 0.11 * gloss
    return light.astype(np.float32)


def _paint_neck(canvas: Canvas) -> None:
    mask = canvas.area(shape.neck())
    across = (canvas.x - CENTRE_X) / 125
    light = 0.62 - 0.16 * across - 0.22 * across**2
    canvas.lay(mask, _ramp(light.astype(np.float32)))
    chin = canvas.area(shape.head() + f32([14, 62]), blur=20)
    canvas.darken(mask * chin, _SHADOW, 0.85)
    for side in (-1, 1):
        muscle = smooth(
            [(CENTRE_X + side * 92, 730), (CENTRE_X + side * 62, 800), (CENTRE_X + side * 26, 862)]
        )
        canvas.darken(mask * canvas.line(muscle, lambda t: 10, blur=8), _SHADOW, 0.35)


def _paint_ear(canvas: Canvas, side: int) -> None:
    outline = shape.ear(side)
    light = 0.60 if side < 0 else 0.46
    canvas.lay(canvas.area(outline, blur=0.8), _ramp(np.full_like(canvas.x, light)))
    x = CENTRE_X + side * 205
    inner = smooth(
        [
            (x - side * 8, 412),
            (x + side * 8, 418),
            (x + side * 8, 445),
            (x, 470),
            (x - side * 6, 490),
            (x - side * 14, 470),
        ],
        closed=True,
    )
    canvas.darken(canvas.area(inner, blur=5), (0.66, 0.42, 0.38), 0.8)
    rim = canvas.line(outline[15:95], lambda t: 6 * np.sin(np.pi * t), blur=2.5)
    canvas.lighten(rim, (0.9, 0.6, 0.5), 0.35)
    canvas.lay(canvas.area(outline, blur=6) * canvas.area(outline), _BLUSH, 0.16)


def _paint_blush(canvas: Canvas) -> None:
    inside = canvas.area(shape.head())
    for side in (-1, 1):
        canvas.lay(inside * canvas.blob(CENTRE_X + side * 122, 498, 46, 34), _BLUSH, 0.22)
    canvas.lay(canvas.blob(CENTRE_X, 516, 28, 18), _BLUSH, 0.14)
    canvas.lay(canvas.blob(CENTRE_X, 690, 40, 22), _BLUSH, 0.08)


def _paint_freckles(canvas: Canvas) -> None:
    random = np.random.default_rng(5)
    spots = []
    for _ in range(110):
        dx = random.normal(0, 70)
        y = 482 + random.normal(0, 16) + 0.08 * abs(dx)
        size = random.uniform(0.7, 1.6)
        ring = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        around = np.stack([np.cos(ring), 0.8 * np.sin(ring)], 1) * size
        spots.append((around + (CENTRE_X + dx, y)).astype(np.float32))
    canvas.darken(canvas.area(*spots, blur=0.8), (0.74, 0.52, 0.42), 0.30)


def _paint_nose(canvas: Canvas) -> None:
    canvas.darken(canvas.blob(CENTRE_X + 5, 545, 32, 6), _SHADOW, 0.32)
    for side in (-1, 1):
        x = CENTRE_X + side * 20
        nostril = smooth(
            [
                (x - side * 9, 538.5),
                (x - side * 3, 533),
                (x + side * 9, 533.5),
                (x + side * 4, 539),
            ],
            closed=True,
        )
        canvas.darken(canvas.area(nostril, blur=1.8), (0.40, 0.20, 0.17), 0.75)
        wing = smooth(
            [
                (CENTRE_X + side * 41, 507),
                (CENTRE_X + side * 48, 518),
                (CENTRE_X + side * 47, 530),
                (CENTRE_X + side * 37, 538),
            ]
        )
        canvas.darken(canvas.line(wing, lambda t: 6 * np.sin(np.pi * t), blur=3), _SHADOW, 0.6)
    canvas.lighten(canvas.blob(CENTRE_X - 5, 509, 7, 6), (1, 0.93, 0.86), 0.5)
    canvas.lighten(canvas.blob(CENTRE_X - 4, 470, 5, 30), (1, 0.93, 0.86), 0.14)


def _paint_lips(canvas: Canvas) -> None:
    upper, lower = (
        canvas.area(shape.upper_lip(), blur=0.7),
        canvas.area(shape.lower_lip(), blur=0.7),
    )
    canvas.darken(canvas.blob(CENTRE_X + 4, 641, 36, 6), _SHADOW, 0.45)
    shade = canvas.rgb.mean(-1, keepdims=True) / np.float32(0.66)
    canvas.lay(upper, f32(_LIP_UPPER) * shade, 0.92)
    canvas.lay(lower, f32(_LIP_LOWER) * shade, 0.92)
    seam = shape.whole(shape.LIP_SEAM)
    canvas.darken((upper + lower) * canvas.line(seam, lambda t: 9, blur=4), _SHADOW, 0.75)
    thin = canvas.line(seam, lambda t: 1.2 + 2.2 * np.sin(np.pi * t), blur=0.8)
    canvas.darken(thin, (0.36, 0.14, 0.15), 0.9)
    for side in (-1, 1):
        canvas.darken(canvas.blob(CENTRE_X + side * 76, 593.5, 5, 4), _SHADOW, 0.7)
    canvas.lighten(lower * canvas.blob(CENTRE_X - 10, 617, 22, 4.5), (1, 0.9, 0.88), 0.55)
    canvas.lighten(upper * canvas.blob(CENTRE_X - 8, 589, 16, 2.5), (1, 0.9, 0.88), 0.25)
    for side in (-1, 1):
        smile = smooth(
            [(CENTRE_X + side * 82, 582), (CENTRE_X + side * 87, 594), (CENTRE_X + side * 84, 606)]
        )
        canvas.darken(canvas.line(smile, lambda t: 5 * np.sin(np.pi * t), blur=3), _SHADOW, 0.35)
    bow = shape.whole(shape.LIP_UPPER)[60:140] - f32([0, 2.5])
    canvas.lighten(
        canvas.line(bow, lambda t: 3 * np.sin(np.pi * t), blur=1.5), (1, 0.92, 0.86), 0.3
    )
