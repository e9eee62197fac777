"""Hair: strands between guide curves, over a dark base."""

from __future__ import annotations

import cv2
import numpy as np

from talking_portrait_ros.frames.avatar import shape
from talking_portrait_ros.frames.avatar.paint import SUBPIXEL_BITS, Canvas, Floats, f32, smooth

_BASE = f32((0.145, 0.088, 0.070))
_MID = f32((0.30, 0.185, 0.135))
_GLOSS = f32((0.66, 0.45, 0.32))

# Guide curves from the parting outwards, the innermost (fringe) first.
_SWEEP = [
    [(446, 262), (500, 238), (572, 242), (638, 278), (680, 330), (699, 392), (703, 456)],
    [(447, 248), (504, 214), (586, 211), (658, 250), (702, 312), (713, 380), (705, 452)],
    [(449, 226), (512, 180), (602, 171), (682, 220), (718, 298), (722, 372), (708, 446)],
    [(453, 196), (520, 146), (614, 139), (696, 192), (731, 284), (730, 366), (711, 440)],
    [(460, 156), (526, 120), (610, 117), (698, 164), (738, 262), (736, 352), (716, 430)],
    [(476, 110), (540, 102), (618, 111), (702, 160), (742, 258), (739, 348), (720, 420)],
]
_SHORT = [
    [(446, 262), (414, 262), (374, 286), (343, 330), (327, 386), (321, 456)],
    [(446, 248), (404, 238), (358, 264), (324, 317), (312, 377), (319, 452)],
    [(448, 224), (400, 203), (344, 231), (309, 294), (302, 364), (316, 446)],
    [(452, 194), (404, 163), (337, 187), (297, 262), (293, 352), (313, 440)],
    [(462, 148), (402, 130), (330, 163), (287, 250), (286, 344), (308, 430)],
    [(500, 104), (422, 110), (328, 156), (283, 246), (283, 340), (304, 420)],
]
_PARTING = [(446, 264), (448, 226), (453, 192), (461, 150), (488, 106)]


def paint_hair(canvas: Canvas) -> None:
    """The hair, and its shadow on the forehead."""
    random = np.random.default_rng(11)
    sides = [np.stack([smooth(g, n_points=90) for g in guides]) for guides in (_SWEEP, _SHORT)]
    outlines = [np.concatenate([guides[0], guides[-1][::-1]]) for guides in sides]
    skin = canvas.area(shape.head())
    shadow = canvas.area(*(outline + f32([5, 13]) for outline in outlines), blur=9)
    canvas.darken(skin * shadow, (0.52, 0.33, 0.29), 0.62)
    canvas.lay(canvas.area(*outlines, blur=1.5), _BASE)
    for guides in sides:
        _paint_strands(canvas, guides, 1000, random)
    parting = smooth(_PARTING)
    hair = canvas.area(*outlines)
    canvas.darken(hair * canvas.line(parting, lambda t: 9, blur=5), (0.42, 0.36, 0.34), 0.6)


def _paint_strands(
    canvas: Canvas, guides: Floats, n_strands: int, random: np.random.Generator
) -> None:
    """Strands lie between neighbouring guides, a few fall out of the fringe."""
    depths = np.sort(random.uniform(0, 1, n_strands))[::-1]
    loose = random.uniform(-0.055, 0, n_strands // 14)
    for depth in [*depths, *loose]:
        at = float(np.clip(depth + random.normal(0, 0.02), depth - 0.02, 1.012))
        at *= len(guides) - 1
        low = int(np.clip(at, 0, len(guides) - 2))
        curve = guides[low] + (guides[low + 1] - guides[low]) * np.float32(at - low)
        clump = np.sin(depth * 55) * 0.5 + 0.5
        curve = curve + np.cumsum(random.normal(0, 0.22, curve.shape), 0).astype(np.float32)
        start, end = int(random.uniform(0, 10)), int(90 - 26 * random.uniform() ** 3)
        _paint_strand(canvas, curve, (start, end), clump, random)


def _paint_strand(
    canvas: Canvas, curve: Floats, span: tuple[int, int], clump: float, random: np.random.Generator
) -> None:
    tone = random.uniform(0.55, 1.15) * (0.65 + 0.5 * clump)
    width = random.uniform(1.2, 2.8)
    starts = np.arange(span[0], span[1] - 1, 6)
    along = starts / len(curve)
    x, y = curve[np.minimum(starts + 4, span[1] - 1)].T
    # A band of gloss where the hair faces the light: upper left of the skull.
    gloss = np.exp(-0.5 * ((np.hypot(x - 500, y - 330) - 150) / 26) ** 2)
    gloss *= np.clip(1.1 - (x - 330) / 480, 0.15, 1) * np.clip(1.25 - y / 420, 0, 1)
    share = (gloss * (0.35 + 0.65 * clump))[:, None]
    # Roots lie in the shade of the parting.
    shade = (0.45 + 0.55 * np.clip(along / 0.16, 0, 1))[:, None]
    colours = ((_MID * tone * (1 - share) + _GLOSS * share) * shade).tolist()
    pixels = np.maximum(1, (width * (1 - along**5) * canvas.scale).round()).astype(int).tolist()
    points = canvas.fixed(curve[: span[1]])
    for start, colour, thick in zip(starts, colours, pixels, strict=True):
        piece = points[start : start + 8]
        cv2.polylines(canvas.rgb, [piece], False, colour, thick, cv2.LINE_AA, SUBPIXEL_BITS)
