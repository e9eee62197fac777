"""Landmarks of the drawing: MediaPipe's, with lips, lids and irises moved onto the curves."""

from __future__ import annotations

import numpy as np

from talking_portrait_ros.chunks import F32, U8
from talking_portrait_ros.frames.avatar import shape
from talking_portrait_ros.frames.avatar.paint import CENTRE_X, Floats, f32, to_pixels
from talking_portrait_ros.frames.landmarks import find_landmarks

# From left to right in the picture, outer ring to inner ring.
_UPPER_RINGS = [
    [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291],
    [76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306],
    [62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292],
    [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308],
]
_LOWER_RINGS = [
    [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291],
    [76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306],
    [62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292],
    [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308],
]
# From the inner to the outer corner: upper lid, lower lid, iris (centre, then the four sides).
_LIDS = {
    -1: ([133, 173, 157, 158, 159, 160, 161, 246, 33], [133, 155, 154, 153, 145, 144, 163, 7, 33]),
    1: ([362, 398, 384, 385, 386, 387, 388, 466, 263],
        [362, 382, 381, 380, 374, 373, 390, 249, 263]),
}  # fmt: skip
_IRIS = {-1: [468, 469, 470, 471, 472], 1: [473, 474, 475, 476, 477]}
_IRIS_SIDES = f32([(0, 0), (1, 0), (0, -1), (-1, 0), (0, 1)])


def locate(image: U8) -> F32:
    """Landmarks of the drawn `image`, float32 [478, 3]; needs MediaPipe.

    Raises:
        ValueError: MediaPipe absent, or it does not see a face.
    """
    landmarks = find_landmarks(image, "avatar")
    _place_lips(landmarks, _UPPER_RINGS, shape.whole(shape.LIP_UPPER))
    _place_lips(landmarks, _LOWER_RINGS, shape.whole(shape.LIP_LOWER))
    for side in (-1, 1):
        _place_eye(landmarks, side)
    return landmarks


def _place_lips(landmarks: Floats, rings: list[list[int]], outer: Floats) -> None:
    """Rings from the outer contour to the seam; the corners of all rings lie at its ends."""
    seam = shape.whole(shape.LIP_SEAM)
    for depth, ring in enumerate(rings):
        inset = depth / (len(rings) - 1)
        reach = np.float32(1 - 0.05 * inset)
        across = np.linspace(-1, 1, len(ring)) * reach
        # Denser towards the corners, as FaceMesh spaces them.
        x = CENTRE_X + (seam[-1, 0] - CENTRE_X) * np.sin(across * np.pi / 2)
        contour, middle = (np.interp(x, c[:, 0], c[:, 1]) for c in (outer, seam))
        y = contour + (middle - contour) * inset
        y[[0, -1]] = middle[[0, -1]]
        landmarks[ring, :2] = to_pixels(np.stack([x, y], 1))


def _place_eye(landmarks: Floats, side: int) -> None:
    eye = shape.eye(side)
    for indices, curve in zip(_LIDS[side], (eye.upper, eye.lower), strict=True):
        at = np.linspace(0, len(curve) - 1, len(indices)).round().astype(int)
        landmarks[indices, :2] = to_pixels(curve[at])
    iris = f32(eye.iris) + _IRIS_SIDES * shape.IRIS_RADIUS
    landmarks[_IRIS[side], :2] = to_pixels(iris)
