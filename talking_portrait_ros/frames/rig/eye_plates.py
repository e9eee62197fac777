"""Eye plates: everything an eye can uncover, painted once per portrait from the portrait itself.

- skin: the portrait with eyeball and lashes replaced by lid skin (the closed eye);
- lash: how lashes and make-up darken that skin, carried along by the lid margins;
- sclera: the white of the eye, also behind the iris and under the lids;
- iris: the iris as a whole disc, the part under the lids completed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import splu

from talking_portrait_ros.frames.rig.eye_frame import F32, LUMA, Array, EyeFrame, eye_box

UPPER_STRIP = 0.40  # height of the lash and make-up strip above the upper lid margin
LOWER_STRIP = 0.22
SHADOW, SHADOW_DEPTH = 0.5, 0.08  # of the upper lid on the eyeball: darkness, depth
SPOILT = 0.05  # depth under the upper lid at which lashes spoil the photo
SCLERA_TO = 1.10  # iris radii: nearer than this the photo is iris, farther it is sclera
IRIS_TO = 1.28  # iris radii: where the moved disc has faded out


@dataclass(frozen=True)
class EyePlates:
    """The painted layers of one eye, on portrait pixels from `origin` on.

    Attributes:
        origin: x and y of the first pixel.
        skin: closed-eye skin, RGB 0..1, and where it may be shown, [4, h, w].
        lash: relative change of the skin by the lash strips, -1 (black) to 0.1, [3, h, w].
        sclera: RGB [3, h, w].
        iris: RGB and matte [4, h, w].
        skin_gain: how much of the lid's way the skin above goes along (less under glasses).
    """

    origin: tuple[int, int]
    skin: F32
    lash: F32
    sclera: F32
    iris: F32
    skin_gain: float


def paint_plates(image: F32, frame: EyeFrame) -> EyePlates:
    """The layers of one eye from the portrait [H, W, 3], RGB 0..1."""
    x0, y0, x1, y1 = eye_box(frame, *image.shape[:2])
    crop = image[y0:y1, x0:x1].astype(np.float64)
    grid = np.stack(np.meshgrid(np.arange(x0, x1), np.arange(y0, y1)), -1).astype(np.float64)
    x, y = frame.to_eye(grid)
    upper, lower = frame.margin(frame.upper, x), frame.margin(frame.lower, x)
    skin, shown = _paint_skin(crop, frame, (x, y, upper, lower))
    darkening = np.minimum((crop + 0.02) / (skin + 0.02) - 1, 0.1)
    lash = darkening * _strip_weight(frame, x, y, upper, lower)[..., None]
    lit = crop / (1 - SHADOW * np.exp(-np.maximum(y - upper, 0) / SHADOW_DEPTH))[..., None]
    sclera = _paint_sclera(lit, frame, (x, y, upper, lower))
    iris = _paint_iris(lit, sclera, frame, (x, y, upper, lower))
    return EyePlates(
        origin=(x0, y0),
        skin=_planes(np.dstack([skin, shown])),
        lash=_planes(lash),
        sclera=_planes(sclera),
        iris=_planes(iris),
        skin_gain=_skin_gain(crop, frame, (x, y, upper)),
    )


Field = tuple[Array, Array, Array, Array]  # x, y, upper margin, lower margin per pixel


def _paint_skin(crop: Array, frame: EyeFrame, field: Field) -> tuple[Array, Array]:
    """Closed-eye skin [h, w, 3] and the mask [h, w] of where it may be shown."""
    x, y, upper, lower = field
    ends = smoothstep((1.12 - np.abs(x)) / 0.25)
    inside = np.minimum(y - upper + UPPER_STRIP * ends, lower + LOWER_STRIP * ends - y)
    inside = np.minimum(inside, (1.1 - np.abs(x)))
    mask = smoothstep(inside / 0.24 + 0.5)
    smooth = gaussian_filter(crop, (0.06 * frame.half, 0.06 * frame.half, 0))
    luma = smooth @ LUMA
    ring = (inside < 0) & (inside > -0.35) & (np.abs(x) < 1.1)
    bright = np.quantile(luma[ring], 0.6)
    trust = np.where(inside > -0.02, 1e-5, np.clip((luma / bright - 0.65) / 0.25, 0.005, 1))
    tone = _membrane(smooth, trust)
    painted = tone + _grain(crop, frame, field)
    skin = crop + (painted - crop) * mask[..., None]
    shown = smoothstep((inside + 0.35) / 0.15) * smoothstep((1.22 - np.abs(x)) / 0.1)
    rows, columns = (np.arange(n) for n in shown.shape)
    edge = np.minimum.outer(np.minimum(rows, rows[::-1]), np.minimum(columns, columns[::-1]))
    return np.clip(skin, 0, 1), shown * np.clip(edge / 3, 0, 1)


def _grain(crop: Array, frame: EyeFrame, field: Field) -> Array:
    """Skin texture from the cheek under the eye, mirrored upwards at the lower lid."""
    x, y, _, lower = field
    below = lower + LOWER_STRIP + 0.1
    position = frame.to_pixels(x, below + np.abs((y - below + 0.3) % 0.6 - 0.3))
    x0, y0 = frame.to_pixels(x[:1, :1], y[:1, :1])[0, 0]
    sigma = 0.06 * frame.half
    fine = crop - gaussian_filter(crop, (sigma, sigma, 0))
    rows, columns = position[..., 1] - y0, position[..., 0] - x0
    grain = np.dstack(
        [map_coordinates(fine[..., c], (rows, columns), order=1, mode="nearest") for c in range(3)]
    )
    limit = 1.5 * np.median(np.abs(grain)) + 1e-4
    return np.clip(grain, -limit, limit)


def _strip_weight(frame: EyeFrame, x: Array, y: Array, upper: Array, lower: Array) -> Array:
    """1 on the skin and lashes, 0 on the eyeball, with a soft step at the margins."""
    eyeball = np.minimum(y - upper, lower - y)
    return 1 - smoothstep((eyeball + 0.06) / 0.10)


def _paint_sclera(crop: Array, frame: EyeFrame, field: Field) -> Array:
    """The white of the eye without the lids' shadow; `EyeRig` casts its own."""
    x, y, upper, lower = field
    radius = np.hypot(x - frame.iris[0], y - frame.iris[1]) / frame.iris[2]
    depth = np.minimum(y - upper - SPOILT, lower - y)
    white = (depth > 0.04) & (radius > SCLERA_TO) & (np.abs(x) < 0.9)
    luma = crop @ LUMA
    if white.sum() < 4:
        near = np.hypot(x, y) < 0.8
        white = near & (luma >= np.quantile(luma[near], 0.85))
    usual = np.quantile(luma[white], 0.7)
    clean = smoothstep((luma / usual - 0.62) / 0.2)
    bright = white & (luma >= np.quantile(luma[white], 0.7))
    prior = crop[bright].mean(0) * (1 - 0.18 * np.clip(x, -1, 1) ** 2)[..., None]
    trust = 0.25 * clean * white
    weight = (trust / (trust + 0.004))[..., None]
    sigma = 0.05 * frame.half
    filled = _membrane(prior + (crop - prior) * weight, trust + 0.004)
    filled = gaussian_filter(filled, (sigma, sigma, 0))
    caruncle = smoothstep((frame.inner * x - 0.7) / 0.1)
    keep = smoothstep(depth / 0.08) * (radius > SCLERA_TO) * (np.abs(x) < 1)
    keep = keep * np.maximum(clean, caruncle)
    return np.asarray(filled + (crop - filled) * keep[..., None])


def _paint_iris(crop: Array, sclera: Array, frame: EyeFrame, field: Field) -> Array:
    """The iris with its hidden parts mirrored from the visible ones, and its matte, [h, w, 4]."""
    x, y, upper, lower = field
    dx, dy = x - frame.iris[0], y - frame.iris[1]
    radius = np.hypot(dx, dy) / frame.iris[2]
    visible = smoothstep(np.minimum(y - upper - SPOILT, lower - y - 0.04) / 0.08)
    seen = visible > 0.5
    disc = radius < SCLERA_TO
    rings = np.clip((radius * 8).astype(int), 0, 15)
    mean = sclera.copy()
    fallback = np.median(crop[seen & disc], 0) if (seen & disc).any() else crop[disc].mean(0)
    for ring in np.unique(rings[disc]):
        known = seen & disc & (rings == ring)
        mean[disc & (rings == ring)] = np.median(crop[known], 0) if known.sum() > 3 else fallback
    sigma = 0.04 * frame.half
    mean[disc] = gaussian_filter(mean, (sigma, sigma, 0))[disc]
    colour = mean + (crop - mean) * visible[..., None]
    matte = 1 - smoothstep((radius - SCLERA_TO) / (IRIS_TO - SCLERA_TO))
    return np.dstack([colour, matte])


def _skin_gain(crop: Array, frame: EyeFrame, field: tuple[Array, Array, Array]) -> float:
    """How far the skin over the lid may move: little where a spectacle frame crosses it."""
    x, y, upper = field
    band = (y < upper - UPPER_STRIP) & (y > upper - 0.85) & (np.abs(x) < 0.9)
    luma = crop @ LUMA
    sigma = 0.12 * frame.half
    edge = np.abs(luma - gaussian_filter(luma, sigma))
    contrast = np.quantile(edge[band], 0.97) / max(float(np.median(luma[band])), 0.05)
    return float(0.35 * np.clip(1.6 - contrast / 0.12, 0.0, 1))


def _membrane(target: Array, trust: Array) -> Array:
    """The smoothest picture that follows `target` [h, w, 3] where `trust` [h, w] is high."""
    height, width = trust.shape
    index = np.arange(height * width).reshape(height, width)
    first = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    second = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    ones = np.ones(len(first))
    links = coo_matrix((ones, (first, second)), shape=(index.size, index.size))
    links = links + links.T
    degree = np.asarray(links.sum(1)).ravel()
    system = diags(degree + 4 * trust.ravel()) - links
    right = 4 * trust.reshape(-1, 1) * target.reshape(-1, 3)
    return np.asarray(splu(system.tocsc()).solve(right).reshape(target.shape))


def smoothstep(t: Array) -> Array:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(t, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _planes(picture: Array) -> F32:
    return np.ascontiguousarray(picture.transpose(2, 0, 1), dtype=np.float32)
