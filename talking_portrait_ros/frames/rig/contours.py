"""Lip contours pulled from the landmarks to the edges that the picture really shows.

Landmarks miss the lip edge by a pixel or two, and the eye sees that at once: teeth fringe the
closed lips, or a strip of the other lip hangs on when the mouth opens. Each inner contour is moved
up or down by the cheapest smooth path (dynamic programming) through the picture around it.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from talking_portrait_ros.chunks import U8
from talking_portrait_ros.frames.rig.face_frame import F64, FaceFrame
from talking_portrait_ros.frames.rig.lips import LipCurves
from talking_portrait_ros.frames.rig.sampling import look_up

_REACH, _STEPS = 0.036, 37
_STAY = 0.35
_BEND = 0.05


def refine_lips(image: U8, frame: FaceFrame, lips: LipCurves) -> LipCurves:
    """The curves with their inner contours on the lip edges of `image`."""
    offsets = np.linspace(-_REACH, _REACH, _STEPS)
    inside = np.abs(lips.u(lips.x)) < 0.97
    if lips.closed:
        strip = _strip(image, frame, lips.x, lips.inner_upper, offsets)
        seam = lips.inner_upper + _path(_darkness_cost(strip), offsets, inside)
        return replace(
            lips, inner_upper=seam, inner_lower=seam,
            outer_upper=np.minimum(lips.outer_upper, seam),
            outer_lower=np.maximum(lips.outer_lower, seam),
        )  # fmt: skip
    upper = _strip(image, frame, lips.x, lips.inner_upper, offsets)
    lower = _strip(image, frame, lips.x, lips.inner_lower, offsets)
    top = lips.inner_upper + _path(_edge_cost(upper), offsets, inside)
    bottom = lips.inner_lower + _path(-_edge_cost(lower), offsets, inside)
    top, bottom = np.minimum(top, (top + bottom) / 2), np.maximum(bottom, (top + bottom) / 2)
    return replace(lips, inner_upper=top, inner_lower=bottom)


def _strip(image: U8, frame: FaceFrame, x: F64, y: F64, offsets: F64) -> F64:
    """Colours around a contour, [n_offsets, N, 3]."""
    places = np.stack(np.broadcast_arrays(x, y + offsets[:, None]), axis=-1)
    where = frame.origin + frame.vectors_to_pixels(places)
    strip: F64 = look_up(image, where).astype(np.float64)
    return strip


def _darkness_cost(strip: F64) -> F64:
    """Low on the dark line between closed lips."""
    luma = cv2.GaussianBlur(strip.mean(-1), (0, 0), 1.2)
    spread = np.maximum(np.ptp(luma, axis=0), 12.0)
    cost: F64 = (luma - luma.mean(0)) / spread
    return cost


def _edge_cost(strip: F64) -> F64:
    """Low where red lip turns into pale tooth or dark mouth on the way down."""
    red = (strip[..., 0] - strip[..., 1:].mean(-1)) / (strip.sum(-1) + 30)
    red = cv2.GaussianBlur(red, (0, 0), 1.6)
    change = np.gradient(red, axis=0)
    cost: F64 = change / max(float(np.abs(change).max()), 1e-4)
    return cost


def _path(cost: F64, offsets: F64, inside: F64) -> F64:
    """The offset of the cheapest smooth path across the mouth, per knot; 0 outside."""
    local = np.where(inside, cost, 0.0) + _STAY * (offsets[:, None] / _REACH) ** 2
    total, back = local[:, 0], np.zeros(local.shape, int)
    steps = np.arange(-2, 3)
    for knot in range(1, local.shape[1]):
        padded = np.pad(total, 2, constant_values=np.inf)
        options = np.stack([padded[2 + s : 2 + s + len(total)] + _BEND * abs(s) for s in steps])
        best = options.argmin(0)
        back[:, knot] = np.clip(np.arange(len(total)) + steps[best], 0, len(total) - 1)
        total = options.min(0) + local[:, knot]
    row, rows = int(total.argmin()), np.zeros(local.shape[1], int)
    for knot in range(local.shape[1] - 1, -1, -1):
        rows[knot] = row
        row = back[row, knot]
    moved = np.where(inside, offsets[rows], 0.0)
    smooth: F64 = cv2.GaussianBlur(moved[None], (0, 0), 2.0)[0]
    return smooth
