"""Other backgrounds: gradients, soft shapes, textures. Nothing recorded."""

from __future__ import annotations

import cv2
import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.training.corpus.chance import stream

_PAINT_PX = 256


def background(seed: int, size: int) -> F32:
    """RGB 0..255 [size, size, 3]: one of many kinds."""
    generator = stream(seed, "background")
    image = _gradient(generator)
    kind = generator.choice(("plain", "shapes", "texture", "room"), p=(0.2, 0.35, 0.25, 0.2))
    if kind in ("shapes", "room"):
        _add_shapes(image, generator, upright=kind == "room")
    if kind in ("texture", "room"):
        image *= 1 + generator.uniform(0.05, 0.35) * _texture(generator)[..., None]
    sigma = np.exp(generator.uniform(np.log(0.4), np.log(12.0)))
    soft = cv2.GaussianBlur(np.clip(image, 0, 255), (0, 0), sigma)
    large = cv2.resize(soft, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, np.float32).clip(0, 255)


def _colour(generator: np.random.Generator) -> F32:
    """Mostly dull, as rooms are."""
    grey = generator.uniform(15, 240)
    tint = generator.normal(0, generator.choice((8, 25, 60)), 3)
    return np.clip(grey + tint, 0, 255).astype(np.float32)


def _gradient(generator: np.random.Generator) -> F32:
    corners = np.stack([_colour(generator) for _ in range(4)]).reshape(2, 2, 3)
    corners += generator.uniform(0.3, 1) * (corners.mean((0, 1)) - corners)
    size = (_PAINT_PX, _PAINT_PX)
    return np.asarray(cv2.resize(corners, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _texture(generator: np.random.Generator) -> F32:
    """Noise of several sizes, about -1..1, [P, P]; sometimes drawn out to grain or cloth."""
    total = np.zeros((_PAINT_PX, _PAINT_PX), np.float32)
    stretch = generator.choice((1, 1, 4, 8))
    for octave in range(2, 8):
        shape = (2**octave, max(2, 2**octave // stretch))
        if generator.random() < 0.5:
            shape = shape[::-1]
        knots = generator.uniform(-1, 1, shape).astype(np.float32)
        total += 0.6 ** (octave - 2) * cv2.resize(
            knots, total.shape, interpolation=cv2.INTER_CUBIC
        )
    return np.clip(total, -1.5, 1.5)


def _add_shapes(image: F32, generator: np.random.Generator, upright: bool) -> None:
    """Shelves, windows, lamps, or just blobs, in place."""
    for _ in range(generator.integers(4, 25)):
        colour = _colour(generator).tolist()
        x, y = (generator.uniform(-0.1, 1.1, 2) * _PAINT_PX).astype(int).tolist()
        w, h = (np.exp(generator.uniform(np.log(4), np.log(90), 2))).astype(int).tolist()
        if upright:
            cv2.rectangle(image, (x, y), (x + w, y + 2 * h), colour, -1, cv2.LINE_AA)
        elif generator.random() < 0.5:
            tilt = generator.uniform(0, 180)
            cv2.ellipse(image, (x, y), (w, h), tilt, 0, 360, colour, -1, cv2.LINE_AA)
        else:
            other = (generator.uniform(0, 1, (3, 2)) * _PAINT_PX).astype(np.int32)
            cv2.fillPoly(image, [other], colour, cv2.LINE_AA)
