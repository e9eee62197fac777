"""What lies behind the lips: teeth and tongue as small pictures in face coordinates.

A sprite covers X and Y from -REACH to REACH, face units, S x S pixels, RGB 0..255 and alpha 0..1.
A portrait that shows its teeth lends them; otherwise they are painted in the
tint of the eye white.
"""

from __future__ import annotations

import cv2
import numpy as np

from talking_portrait_ros.chunks import F32, U8
from talking_portrait_ros.frames.rig.basis import seam_curve
from talking_portrait_ros.frames.rig.face_frame import F64, FaceFrame, smoothstep
from talking_portrait_ros.frames.rig.lips import LipCurves
from talking_portrait_ros.frames.rig.sampling import look_up

SIZE = 256
REACH = 0.6
UPPER_EDGE, LOWER_EDGE = 0.024, 0.035
_UPPER_WIDTHS = (0.088, 0.068, 0.072, 0.062, 0.056)
_LOWER_WIDTHS = (0.055, 0.058, 0.066, 0.062, 0.056)
_TEETH_LEVEL = 0.65
_COLOURFUL = 16
_LONGEST, _SOFT = 0.13, 0.009
_EYES = ((33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380))
_LIP_SKIN = (37, 267, 84, 314, 17, 0)


def sprite_coordinates() -> tuple[F64, F64]:
    """X and Y of the sprite's pixels, face units."""
    line = ((np.arange(SIZE) + 0.5) / SIZE * 2 - 1) * REACH
    x, y = np.meshgrid(line, line)
    return x, y


def mouth_sprites(image: U8, landmarks: F32, frame: FaceFrame, lips: LipCurves) -> F32:
    """Upper teeth, lower teeth and tongue, [3, S, S, 4]."""
    tint = teeth_tint(image, landmarks)
    seam = float(lips.at(seam_curve(lips), np.array(0.0)))
    upper = _painted_row(tint, seam + UPPER_EDGE, _UPPER_WIDTHS, -1)
    own = None if lips.closed else _own_teeth(image, frame, lips)
    if own is not None:
        shown = np.median(own[own[..., 3] > 0.9][:, :3], axis=0)
        if shown.mean() > _TEETH_LEVEL * tint.mean():
            upper, tint = own, shown
    lower = _painted_row(0.9 * tint, seam + LOWER_EDGE, _LOWER_WIDTHS, 1)
    return np.stack([upper, lower, _tongue(image, landmarks, seam)]).astype(np.float32)


def teeth_tint(image: U8, landmarks: F32) -> F64:
    """Colour of lit teeth: the eye white, a little warmer, in the light of this picture."""
    mask = np.zeros(image.shape[:2], np.uint8)
    for eye in _EYES:
        cv2.fillPoly(mask, [np.round(landmarks[list(eye), :2]).astype(np.int32)], (1,))
    pixels = image[mask > 0].astype(np.float64)
    skin = image[_disc(image, landmarks[[50, 280], :2])].astype(np.float64)
    luma_skin = float(np.median(skin.mean(1))) if len(skin) else 150.0
    white = np.full(3, luma_skin)
    if len(pixels) > 20:
        grey = pixels.mean(1) - 1.5 * np.ptp(pixels, axis=1)
        white = np.median(pixels[grey >= np.quantile(grey, 0.85)], axis=0)
    warm = (white / max(white.mean(), 1.0)) ** 0.6 * np.array([1.08, 1.01, 0.92])
    level = np.clip(0.35 * white.mean() + 0.65 * (luma_skin * 0.95 + 55), 80, 225)
    return _as_coloured(warm * level, image, landmarks)


def tissue_colours(image: U8, landmarks: F32) -> F64:
    """The dark of the open mouth, and the wet inside of the lips, [2, 3]."""
    level = float(np.median(image[_disc(image, landmarks[[50, 280], :2])]))
    dark = np.array([46.0, 17.0, 17.0]) * np.clip(level / 170, 0.4, 1.1)
    lip = _lip_colour(image, landmarks) * np.array([0.92, 0.66, 0.68])
    return _as_coloured(np.stack([dark, lip]), image, landmarks)


def _as_coloured(paint: F64, image: U8, landmarks: F32) -> F64:
    """`paint` [..., 3], grey where the picture is."""
    cheeks = image[_disc(image, landmarks[[50, 280], :2])]
    colourful = np.clip(np.ptp(cheeks, axis=1).mean() / _COLOURFUL, 0, 1) if len(cheeks) else 1.0
    grey = paint.mean(axis=-1, keepdims=True)
    return np.asarray(grey + (paint - grey) * colourful)


def _lip_colour(image: U8, landmarks: F32) -> F64:
    pixels = image[_disc(image, landmarks[list(_LIP_SKIN), :2])].astype(np.float64)
    return np.asarray(np.median(pixels, axis=0))


def _disc(image: U8, centres: F32) -> F64:
    mask = np.zeros(image.shape[:2], np.uint8)
    for x, y in centres:
        cv2.circle(
            mask, (round(float(x)), round(float(y))), max(2, image.shape[0] // 60), (1,), -1
        )
    found: F64 = mask > 0
    return found


def _painted_row(tint: F64, edge: float, widths: tuple[float, ...], sign: int) -> F64:
    """A row of teeth; `sign` -1 for the upper row (edge below), 1 for the lower one."""
    x, y = sprite_coordinates()
    rims = np.concatenate([[0.0], np.cumsum(widths)])
    index = np.clip(np.searchsorted(rims, np.abs(x), side="right") - 1, 0, len(widths) - 1)
    across = np.clip((np.abs(x) - rims[index]) / np.array(widths)[index], 0, 1)
    lengths = np.array([0.0, 0.008, 0.002, 0.012, 0.02])
    bow = sign * (0.45 * x**2 + lengths[index])
    rounded = sign * 0.012 * np.abs(2 * across - 1) ** 4
    depth = sign * (y - (edge + bow + rounded))
    alpha = smoothstep(depth / 0.010 + 0.5) * (1 - smoothstep((depth - 0.13) / 0.02))
    alpha *= 1 - smoothstep((np.abs(x) - rims[-1] + 0.02) / 0.03)
    gaps = 1 - 0.13 * np.exp(
        -((((0.5 - np.abs(across - 0.5)) * np.array(widths)[index]) / 0.005) ** 2)
    )
    shade = gaps * (1 - 0.06 * (2 * across - 1) ** 2) * (1 - 0.35 * (np.abs(x) / rims[-1]) ** 2)
    shade *= 0.88 + 0.12 * smoothstep(depth / 0.05)
    colour = np.clip(tint * shade[..., None], 0, 255)
    return np.concatenate([colour, alpha[..., None]], axis=-1)


def _own_teeth(image: U8, frame: FaceFrame, lips: LipCurves) -> F64 | None:
    """The upper row of a smile as the picture shows it, continued upwards; None if too little."""
    x, y = sprite_coordinates()
    where = frame.origin + frame.vectors_to_pixels(np.stack([x, y], axis=-1))
    photo = look_up(image, where).astype(np.float64)
    top, bottom = lips.at(lips.inner_upper, x), lips.at(lips.inner_lower, x)
    inside = (y > top + _SOFT) & (y < bottom - _SOFT)
    if inside.sum() < 200:
        return None
    luma = photo.mean(-1)
    bright = np.quantile(luma[inside], 0.85)
    shown = cv2.dilate(np.where(inside, luma, 0.0), np.ones((41, 41)))
    lit = np.clip(cv2.GaussianBlur(shown, (0, 0), 12), 0.4 * bright, None)
    tooth = smoothstep((luma / np.maximum(lit, 1.0) - 0.32) / 0.2) * (y < top + _LONGEST)
    red = _redness(photo)
    tooth *= 1 - smoothstep((red - np.median(red[inside & (luma > 0.8 * lit)]) - 0.07) / 0.06)
    tooth[y < top + 0.42 * (bottom - top)] = 1.0
    row = np.minimum.accumulate(cv2.GaussianBlur(tooth, (0, 0), 3.0, sigmaY=1.0), axis=0)
    row = smoothstep((row - 0.25) / 0.5)
    row *= smoothstep((bottom - _SOFT - y) / _SOFT) * (y > top - 0.09)
    row *= 1 - smoothstep((np.abs(lips.u(x)) - 0.96) / 0.06)
    alpha = cv2.GaussianBlur(row, (0, 0), 0.8)
    if int(np.count_nonzero(alpha > 0.9)) < 200:
        return None
    colour = _spread(photo, (inside & (tooth > 0.5)).astype(np.float64))
    sprite: F64 = np.concatenate([colour, alpha[..., None]], axis=-1)
    return sprite


def _redness(colour: F64) -> F64:
    red: F64 = (colour[..., 0] - colour[..., 1:].mean(-1)) / (colour.sum(-1) + 30)
    return red


def _spread(colour: F64, known: F64) -> F64:
    """`colour` where `known`, elsewhere the known colours near by."""
    result = np.where(known[..., None] > 0, colour, 0.0)
    total, filled = result.copy(), known.copy()
    for sigma in (2.0, 5.0, 12.0, 30.0):
        weight = cv2.GaussianBlur(known, (0, 0), sigma)
        near = cv2.GaussianBlur(result, (0, 0), sigma) / np.maximum(weight, 1e-6)[..., None]
        new = (filled == 0) & (weight > 0.02)
        total[new], filled[new] = near[new], 1.0
    return total


def _tongue(image: U8, landmarks: F32, seam: float) -> F64:
    x, y = sprite_coordinates()
    colour = 0.62 * _lip_colour(image, landmarks) * np.array([1.08, 0.80, 0.82])
    colour = _as_coloured(colour, image, landmarks)
    rise = y - (seam + 0.035 + 0.9 * x**2)
    alpha = smoothstep(rise / 0.035 + 0.3) * (1 - smoothstep((np.abs(x) - 0.17) / 0.07))
    shade = (0.72 + 0.28 * smoothstep(rise / 0.12)) * (1 - 0.18 * np.exp(-((x / 0.018) ** 2)))
    return np.concatenate([np.clip(colour * shade[..., None], 0, 255), 0.9 * alpha[..., None]], -1)
