"""The whole picture, back to front."""

from __future__ import annotations

import numpy as np

from talking_portrait_ros.chunks import U8
from talking_portrait_ros.frames.avatar.eyes import paint_eyes
from talking_portrait_ros.frames.avatar.hair import paint_hair
from talking_portrait_ros.frames.avatar.paint import CENTRE_X, Canvas, f32, mirrored, smooth
from talking_portrait_ros.frames.avatar.skin import paint_skin

_CLOTH = (0.13, 0.38, 0.40)
_SHOULDERS = [(0, 800), (120, 800), (150, 812), (206, 842), (296, 872), (376, 908), (428, 975),
              (450, 1060), (450, 1100), (0, 1100)]  # fmt: skip
_COLLAR_X, _COLLAR_Y = 132.0, 805.0


def draw_avatar(scale: float = 2) -> U8:
    """The avatar, uint8 RGB [1024, 1024, 3], painted at `scale` times that size."""
    canvas = Canvas(scale)
    _paint_background(canvas)
    _paint_cloth_behind(canvas)
    paint_skin(canvas)
    paint_eyes(canvas)
    paint_hair(canvas)
    _paint_cloth(canvas)
    return canvas.picture()


def _paint_background(canvas: Canvas) -> None:
    near, far = f32((0.93, 0.90, 0.85)), f32((0.70, 0.71, 0.70))
    distance = np.hypot(canvas.x - 430, canvas.y - 380) / 820
    share = np.clip(distance, 0, 1)[..., None] ** 1.6
    canvas.rgb[:] = near + (far - near) * share


def _paint_cloth_behind(canvas: Canvas) -> None:
    """The back of the collar, behind the neck."""
    ring = np.hypot((canvas.x - CENTRE_X) / 138, (canvas.y - 814) / 26)
    back = np.clip((1 - ring) * 40, 0, 1).astype(np.float32)
    canvas.lay(back, (0.075, 0.22, 0.24))


def _paint_cloth(canvas: Canvas) -> None:
    outline = smooth(mirrored(_SHOULDERS), closed=True, n_points=300)
    x, y = canvas.x - CENTRE_X, canvas.y
    # The neckline: everything above this hanging curve is neck.
    below = np.clip(
        (y - (_COLLAR_Y + 74 * np.sqrt(np.clip(1 - (x / _COLLAR_X) ** 2, 0, 1))))
        * 2
        * canvas.scale,
        0,
        1,
    )
    below = np.where(np.abs(x) > _COLLAR_X, 1, below).astype(np.float32)
    cloth = canvas.area(outline) * below
    light = (
        1.18
        - 0.28 * x / 400
        - 0.30 * (x / 430) ** 2
        + 0.10 * np.exp(-0.5 * ((y - 905 + 40 * np.cos(x / 240)) / 40) ** 2)
    )
    canvas.lay(cloth, (f32(_CLOTH) * light[..., None]).astype(np.float32))
    ring = np.hypot(x / _COLLAR_X, np.maximum(y - _COLLAR_Y, 0) / 74)
    band = cloth * np.clip((1.24 - ring) * 20, 0, 1)
    rib = 0.5 + 0.5 * np.sin(np.arctan2(y - _COLLAR_Y, x) * 150)
    canvas.lay(band, (f32(_CLOTH) * ((0.80 + 0.14 * rib) * light)[..., None]).astype(np.float32))
    canvas.darken(cloth * np.exp(-0.5 * ((ring - 1.255) / 0.022) ** 2), (0.5, 0.55, 0.58), 0.8)
    for side in (-1, 1):
        for start, end in (((250, 1060), (300, 930)), ((330, 1060), (352, 960))):
            fold = smooth(
                [
                    (CENTRE_X + side * start[0], start[1]),
                    (CENTRE_X + side * (start[0] + 16), (start[1] + end[1]) / 2),
                    (CENTRE_X + side * end[0], end[1]),
                ]
            )
            canvas.darken(
                cloth * canvas.line(fold, lambda t: 14 * (1 - t), blur=9), (0.55, 0.62, 0.66), 0.55
            )
