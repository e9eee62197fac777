"""Drawn faces with looks of their own: the avatar with other proportions and colours.

The drawing and its landmarks go through one smooth warp, so the landmarks stay exact; hair, skin,
lips, irises and clothes are found by their colours and places and painted anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from talking_portrait_ros.chunks import F32, U8, Reference
from talking_portrait_ros.frames.avatar import drawn_avatar
from talking_portrait_ros.frames.rig.sampling import look_up
from talking_portrait_ros.training.corpus.background import background
from talking_portrait_ros.training.corpus.chance import stream

SIDE = 512
_EYES = ((33, 133, 468), (263, 362, 473))  # outer corner, inner corner, iris
_LIDS = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
)
_CHIN, _FOREHEAD, _NOSE, _MOUTH = 152, 10, 4, (13, 14)
_EDGES = (234, 454)
_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
_INVERSIONS, _CELL = 12, 8

_SKINS = ((238, 206, 182), (230, 184, 152), (214, 160, 122), (190, 132, 96), (160, 106, 74),
          (124, 80, 56), (92, 60, 44))  # fmt: skip
_HAIRS = ((28, 24, 24), (70, 44, 30), (120, 74, 40), (196, 158, 96), (150, 60, 30),
          (165, 165, 168), (70, 90, 160), (190, 90, 150))  # fmt: skip
_IRISES = ((95, 62, 35), (60, 95, 150), (80, 120, 80), (130, 130, 135), (40, 28, 22))


@dataclass(frozen=True)
class _Stretch:
    """Part of a warp: points near `centre` move away from it by `grow` (x, y), or by `shift`."""

    centre: F32
    reach: tuple[float, float]
    grow: tuple[float, float] = (0.0, 0.0)
    shift: tuple[float, float] = (0.0, 0.0)

    def way(self, points: F32) -> F32:
        """Displacement of `points` [..., 2]."""
        apart = points - self.centre
        near = np.exp(-0.5 * ((apart / np.array(self.reach)) ** 2).sum(-1, keepdims=True))
        return np.asarray(near * (apart * self.grow + self.shift), np.float32)


def random_avatar(number: int, seed: int) -> Reference:
    """Drawn face `number` of a seed, 512 x 512 with landmarks."""
    generator = stream(seed, "avatar", number)
    drawn = drawn_avatar()
    assert drawn.landmarks is not None
    half = SIDE / drawn.image.shape[0]
    image = cv2.resize(drawn.image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    marks = (drawn.landmarks * np.float32(half)).astype(np.float32)
    marks[:, :2] += np.float32(half / 2 - 0.5)
    painted = _repainted(np.asarray(image, np.float32), marks, generator)
    image, marks = _reshaped(painted, marks, _proportions(marks, generator))
    if generator.random() < 0.3:
        image = _flat(image, generator)
    return Reference(np.round(image.clip(0, 255)).astype(np.uint8), marks, f"avatar-{number:03d}")


def _proportions(marks: F32, generator: np.random.Generator) -> list[_Stretch]:
    """A random build of face, in pixels of the drawing."""
    points = marks[:, :2]
    width = float(np.ptp(points[list(_EDGES), 0]))
    middle = points[_NOSE]
    mouth, chin = points[list(_MOUTH)].mean(0), points[_CHIN]

    def size(amount: float) -> float:
        return float(np.clip(generator.normal(0, amount), -2 * amount, 2 * amount))

    parts = [
        _Stretch(middle, (0.9 * width, 0.9 * width), (size(0.07), size(0.06))),
        _Stretch(chin, (0.45 * width, 0.3 * width), (size(0.10), 0), (0, 0.06 * width * size(1))),
        _Stretch(points[_FOREHEAD], (0.6 * width, 0.35 * width), (size(0.08), size(0.10))),
        _Stretch(middle, (0.13 * width, 0.16 * width), (size(0.14), size(0.12))),
        _Stretch(mouth, (0.22 * width, 0.13 * width), (size(0.12), size(0.14))),
        _Stretch(mouth, (0.3 * width, 0.2 * width), shift=(0, 0.022 * width * size(1))),
    ]
    grow, apart, lift = size(0.13), 0.012 * width * size(1), 0.012 * width * size(1)
    for side, (outer, inner, _) in zip((-1, 1), _EYES, strict=True):
        eye = points[[outer, inner]].mean(0)
        reach = (0.16 * width, 0.13 * width)
        parts.append(_Stretch(eye, reach, (grow, 1.3 * grow), (side * apart, lift)))
    return parts


def _moved(points: F32, parts: list[_Stretch]) -> F32:
    for part in parts:
        points = points + part.way(points)
    return points


def _reshaped(image: F32, marks: F32, parts: list[_Stretch]) -> tuple[F32, F32]:
    """Picture and landmarks after the warp."""
    line = (np.arange(SIDE // _CELL, dtype=np.float32) + 0.5) * _CELL - 0.5
    nodes = np.stack(np.meshgrid(line, line), axis=-1)
    sources = nodes.copy()
    for _ in range(_INVERSIONS):
        sources = sources + 0.8 * (nodes - _moved(sources, parts))
    ways = cv2.resize(sources - nodes, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    pixels = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1)
    moved = marks.copy()
    moved[:, :2] = _moved(marks[:, :2], parts)
    return np.asarray(look_up(image, pixels + ways), np.float32), moved


def _repainted(image: F32, marks: F32, generator: np.random.Generator) -> F32:
    """Other colours for everything, and another background."""
    hair, skin, cloth, behind = _regions(image, marks)
    lips = _filled([marks[list(_LIPS), :2]], 1.5)
    irises = _filled([_disc(marks, iris) for *_, iris in _EYES], 1.0)
    iris = irises * (image.min(-1) < 190)
    painted = image.copy()
    for mask, colours, spread in ((hair, _HAIRS, 18), (skin, _SKINS, 12), (iris, _IRISES, 15)):
        colour = np.array(colours[generator.integers(len(colours))])
        colour = np.clip(colour + generator.normal(0, spread, 3), 12, 255)
        painted = _tinted(painted, image, mask, colour.astype(np.float32))
    cloth_colour = generator.uniform(20, 230, 3).astype(np.float32)
    painted = _tinted(painted, image, cloth, cloth_colour)
    red = np.exp(generator.normal(0, (0.10, 0.18, 0.14), 3))
    painted = painted + lips[..., None] * (painted * red - painted)
    scene = background(int(generator.integers(2**62)), SIDE)
    return np.asarray(painted + behind[..., None] * (scene - painted), np.float32)


def _regions(image: F32, marks: F32) -> tuple[F32, F32, F32, F32]:
    """Masks 0..1 of hair (and brows), skin, clothes and background, by colour and place."""
    red, green, blue = np.moveaxis(image, -1, 0)
    luma = np.asarray(image @ np.array([0.3, 0.59, 0.11]), np.float32)
    teal = _step((blue - red) / 12)
    warm = _step((red - blue - 0.12 * luma - 6) / 10)
    dark = _step((105 - luma) / 25)
    above = np.arange(SIDE)[:, None] < marks[_NOSE, 1]
    hair = dark * warm * (1 - teal) * above * (1 - _filled([marks[list(e), :2] for e in _LIDS], 1))
    skin = (1 - hair) * warm * (1 - teal)
    grey = (1 - warm) * (1 - teal) * (1 - dark)
    return hair, skin, teal, _outside(grey)


def _outside(grey: F32) -> F32:
    """The part of a mask that hangs together with the upper corners: eye whites do not."""
    filled = np.pad((grey > 0.5).astype(np.uint8), 1)
    mask = np.zeros((filled.shape[0] + 2, filled.shape[1] + 2), np.uint8)
    filled[0, :] = filled[:, 0] = filled[:, -1] = 1
    cv2.floodFill(filled, mask, (0, 0), (2,))
    near = cv2.dilate((filled[1:-1, 1:-1] == 2).astype(np.uint8), np.ones((5, 5)))
    mask_behind = np.asarray(grey * near, np.float32)
    return np.asarray(cv2.GaussianBlur(mask_behind, (0, 0), 0.7), np.float32)


def _tinted(painted: F32, image: F32, mask: F32, colour: F32) -> F32:
    """`colour` with the light and shade of the drawing, where the mask is."""
    share = mask[..., None]
    mean = (image * share).sum((0, 1)) / np.maximum(share.sum(), 1)
    shade = image / np.maximum(mean, 1)
    grey = shade.mean(-1, keepdims=True)
    return np.asarray(
        painted + share * (colour * (0.5 * shade + 0.5 * grey) - painted), np.float32
    )


def _disc(marks: F32, iris: int) -> F32:
    centre = marks[iris, :2]
    radius = np.linalg.norm(marks[iris + 1 : iris + 5, :2] - centre, axis=1).mean()
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return np.asarray(centre + radius * np.stack([np.cos(turn), np.sin(turn)], 1), np.float32)


def _filled(outlines: list[F32], blur_px: float) -> F32:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mask, [np.round(16 * line).astype(np.int32) for line in outlines], (255,),
                 cv2.LINE_AA, 4)  # fmt: skip
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), blur_px), np.float32) / np.float32(255)


def _flat(image: F32, generator: np.random.Generator) -> F32:
    """Shades reduced to few levels, as in a comic."""
    levels: U8 = image.clip(0, 255).astype(np.uint8)
    soft = cv2.bilateralFilter(levels, 9, 40, 7).astype(np.float32)
    step = generator.uniform(14, 32)
    flat = step * (soft / step + 0.42 / np.pi * np.sin(-2 * np.pi * soft / step))
    return np.asarray(flat, np.float32)


def _step(values: NDArray[np.floating[Any]]) -> F32:
    return np.asarray(np.clip(values + 0.5, 0, 1), np.float32)
