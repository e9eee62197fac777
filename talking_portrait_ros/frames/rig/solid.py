"""The head as a solid: how deep each part of the picture lies, and what moves with the head."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from talking_portrait_ros.chunks import F32, U8
from talking_portrait_ros.frames.rig.face_frame import (
    CHIN,
    EAR_LEFT,
    EAR_RIGHT,
    F64,
    FaceFrame,
    smoothstep,
)

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
_DEPTH_GAIN = 1.15
_STEEP_FACE, _STEEP_SIDE = 3.0, 1.25
_SEGMENT_PX = 160
_BACKGROUND_REACH = 0.6


def depth_map(frame: FaceFrame, x: F64, y: F64) -> F64:
    """Depth behind the lips at face coordinates, face units; smooth from face to hair."""
    points = frame.points.copy()
    oval = points[list(OVAL)]
    centre = oval[:, :2].mean(0)
    rings = [points]
    for scale, deeper in ((1.3, 0.10), (2.2, 0.25), (3.5, 0.3)):
        out = centre + (oval[:, :2] - centre) * scale
        rings.append(np.column_stack([out, oval[:, 2] * 0.85 + deeper]))
    known = np.concatenate(rings)
    fit = RBFInterpolator(known[:, :2], known[:, 2], kernel="linear", smoothing=0.08)
    depth = fit(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(x.shape)
    middle = float(oval[:, 0].mean())
    steep = _STEEP_SIDE + (_STEEP_FACE - _STEEP_SIDE) * (
        1 - smoothstep((np.abs(x - middle) - 0.25) / 0.25)
    )
    depth = _without_cliffs(_DEPTH_GAIN * depth, steep, float(np.abs(np.diff(x, axis=1)).mean()))
    smooth: F64 = cv2.GaussianBlur(depth, (0, 0), 1.6)
    return smooth


def _without_cliffs(depth: F64, steep: F64, cell: float) -> F64:
    """`depth` raised where it falls off faster than `steep`, else turned cheeks fold over ears."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    for _ in range(max(depth.shape)):
        depth = np.minimum(depth, cv2.erode(depth, cross) + steep * cell)
    return depth


def head_weight(image: U8, landmarks: F32, frame: FaceFrame, x: F64, y: F64) -> F64:
    """Share of the head's motion, 0..1, on a grid that covers the picture evenly."""
    person = _person(image, landmarks)
    outside = cv2.distanceTransform(1 - person, cv2.DIST_L2, 5)
    outside = cv2.resize(outside, x.shape[::-1], interpolation=cv2.INTER_LINEAR)
    unit = frame.unit_px * _SEGMENT_PX / image.shape[0]
    weight = 1 - smoothstep(outside / unit / _BACKGROUND_REACH)
    chin = float(frame.points[CHIN, 1])
    weight *= 1 - smoothstep((y - chin + 0.15) / 0.95)
    ears = frame.points[[EAR_RIGHT, EAR_LEFT], 0]
    half = float(np.ptp(ears)) / 2
    beside = smoothstep((np.abs(x - ears.mean()) - 0.55 * half) / (0.5 * half))
    weight *= 1 - beside * smoothstep((y - chin + 0.35) / 0.45)
    weight *= 1 - smoothstep((np.abs(x - ears.mean()) - 1.5 * half) / (0.9 * half))
    smooth: F64 = cv2.GaussianBlur(weight, (0, 0), 0.8)
    return smooth


def _person(image: U8, landmarks: F32) -> U8:
    """1 on the person, 0 on the background, [_SEGMENT_PX, _SEGMENT_PX]."""
    small = cv2.resize(image, (_SEGMENT_PX, _SEGMENT_PX), interpolation=cv2.INTER_AREA)
    marks = landmarks[:, :2] * (_SEGMENT_PX / image.shape[0])
    oval = marks[list(OVAL)]
    centre, labels = oval.mean(0), np.full(small.shape[:2], cv2.GC_PR_BGD, np.uint8)
    labels[: _SEGMENT_PX // 2, :3] = labels[: _SEGMENT_PX // 2, -3:] = cv2.GC_BGD
    for scale, label in ((1.45, cv2.GC_PR_FGD), (1.0, cv2.GC_FGD)):
        shape = np.round(centre + (oval - centre) * scale).astype(np.int32)
        cv2.fillConvexPoly(labels, shape, (label,))
    below = int(min(marks[CHIN, 1], _SEGMENT_PX - 1))
    labels[below:][labels[below:] == cv2.GC_PR_BGD] = cv2.GC_PR_FGD
    cv2.setRNGSeed(0)
    back, front = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(small, labels, (0, 0, 1, 1), back, front, 3, cv2.GC_INIT_WITH_MASK)
    person = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    _, parts = cv2.connectedComponents(cv2.morphologyEx(person, cv2.MORPH_OPEN, np.ones((3, 3))))
    x, y = np.clip(np.round(centre), 0, _SEGMENT_PX - 1).astype(int)
    return np.asarray(parts == parts[y, x], np.uint8)
