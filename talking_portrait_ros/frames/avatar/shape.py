"""The avatar's outlines: every curve that is drawn, and that its landmarks lie on.

Offsets (dx, y) describe the right half of the picture, which is the person's left; see `paint`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.frames.avatar.paint import CENTRE_X, Points, f32, mirrored, smooth

EYE_X, EYE_Y = 93.0, 410.0
IRIS_RADIUS = 23.0
IRIS_Y = EYE_Y - 1.5

HEAD = [
    (0, 178), (70, 184), (130, 212), (170, 262), (187, 325), (191, 390), (190, 455), (183, 520),
    (168, 580), (141, 634), (104, 681), (62, 714), (24, 726), (0, 727),
]  # fmt: skip
EAR = [(184, 408), (204, 384), (222, 386), (232, 406), (230, 438), (220, 470), (208, 500),
       (195, 513), (183, 506), (178, 450)]  # fmt: skip
NECK = [(0, 600), (112, 600), (110, 690), (109, 760), (122, 812), (165, 850), (150, 930), (0, 960)]

# Eye, outer corner last: offsets from the eye's centre, x growing outwards.
EYE_UPPER = [(-44, 7), (-35, -4), (-21, -16), (-2, -21.5), (17, -19), (33, -9.5), (45, 2)]
EYE_LOWER = [(-44, 7), (-33, 12), (-18, 16), (0, 17), (18, 15), (33, 9.5), (45, 2)]

LIP_UPPER = [(0, 584.5), (10, 580.5), (20, 579.5), (34, 582.5), (50, 587.5), (64, 590), (76, 591)]
LIP_SEAM = [(0, 604.5), (12, 603.4), (28, 602.4), (46, 601), (62, 597), (76, 591)]
LIP_LOWER = [(0, 634), (14, 633.5), (30, 630), (46, 621.5), (60, 609.5), (70, 598.5), (76, 591)]

BROW = [(36, 359), (60, 349), (92, 342), (124, 342), (149, 351), (165, 367), (147, 358),
        (122, 353.5), (92, 354.5), (64, 361), (40, 369)]  # fmt: skip


def whole(half: Points) -> F32:
    """The curve from left to right through a half that starts on the axis, [200, 2]."""
    right = np.asarray(half, np.float32)
    left = right[:0:-1] * f32([-1, 1])
    return smooth(np.concatenate([left, right]) + f32([CENTRE_X, 0]))


def sided(points: Points, side: int) -> F32:
    """Offsets of the right half put on the right (`side` 1) or left (-1), [n, 2]."""
    return np.asarray(points, np.float32) * f32([side, 1]) + f32([CENTRE_X, 0])


@dataclass(frozen=True)
class Eye:
    """One eye: its lid curves from the inner to the outer corner, and the iris."""

    upper: F32  # [200, 2]
    lower: F32  # [200, 2]
    iris: tuple[float, float]
    side: int

    @property
    def outline(self) -> F32:
        """The opening between the lids."""
        return np.concatenate([self.upper, self.lower[::-1]])


def eye(side: int) -> Eye:
    """The eye on the right (`side` 1) or left (-1) of the picture."""
    centre = f32([CENTRE_X + side * EYE_X, EYE_Y])
    upper, lower = (
        smooth(f32(points) * f32([side, 1]) + centre) for points in (EYE_UPPER, EYE_LOWER)
    )
    return Eye(upper, lower, (CENTRE_X + side * EYE_X, IRIS_Y), side)


def head() -> F32:
    """Outline of the head below the hair."""
    return smooth(mirrored(HEAD), closed=True, n_points=400)


def neck() -> F32:
    """Outline of the neck, down into the collar."""
    return smooth(mirrored(NECK), closed=True, n_points=300)


def ear(side: int) -> F32:
    """Outline of one ear."""
    return smooth(sided(EAR, side), closed=True)


def brow(side: int) -> F32:
    """Outline of one eyebrow."""
    return smooth(sided(BROW, side), closed=True)


def upper_lip() -> F32:
    """Outline of the upper lip, seam below."""
    return np.concatenate([whole(LIP_UPPER), whole(LIP_SEAM)[::-1]])


def lower_lip() -> F32:
    """Outline of the lower lip, seam above."""
    return np.concatenate([whole(LIP_SEAM), whole(LIP_LOWER)[::-1]])
