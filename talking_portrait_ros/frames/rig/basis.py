"""Displacement fields: how each control moves the skin and the two lips.

Three layers share one field outside the lips. `skin` holds for the whole face; `upper` and
`lower` add what the lips do more, and run on smoothly past the lip edge, so each layer can be
inverted although the picture tears at the lip line. All lip terms vanish at the mouth corners.
Amplitudes are in face units (outer eye corner distance); z points away from the viewer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from talking_portrait_ros.frames.rig.controls import CONTROL_INDEX, CONTROLS
from talking_portrait_ros.frames.rig.face_frame import (
    CHIN,
    EAR_LEFT,
    EAR_RIGHT,
    F64,
    FaceFrame,
    smoothstep,
)
from talking_portrait_ros.frames.rig.lips import LipCurves

Add = Callable[..., None]

_SMILE_SHARE, _HANGING_SHARE = 0.42, 0.30
JAW_DROP = 0.27
_LOWER_LIP_DROP, _UPPER_LIP_LIFT = 0.31, 0.02
_UPPER_FADE, _LOWER_FADE = 0.20, 0.26
_MINIMUM_THICKNESS = 0.03
_SMILE_GAP = 0.14
_BROWS_RIGHT, _BROWS_LEFT = (55, 105, 46), (285, 334, 276)


@dataclass(frozen=True)
class Site:
    """Where the fields are wanted: face coordinates of a grid, and what they are measured by."""

    x: F64
    y: F64
    frame: FaceFrame
    lips: LipCurves
    overlap: float

    @property
    def u(self) -> F64:
        """Position across the mouth."""
        return self.lips.u(self.x)

    @property
    def envelope(self) -> F64:
        """1 in the middle of the mouth, 0 at its corners and beyond."""
        return np.clip(1 - np.abs(self.u) ** 2.6, 0, None) ** 0.75

    def blob(self, x: float, y: float, wide: float, high: float) -> F64:
        """A Gaussian bump."""
        bump: F64 = np.exp(-(((self.x - x) / wide) ** 2 + ((self.y - y) / high) ** 2) / 2)
        return bump


def skin_fields(site: Site) -> F64:
    """Displacement of the skin by every control, [K, 3, ...]."""
    fields = np.zeros((len(CONTROLS), 3, *site.x.shape))

    def add(name: str, x: F64 | float = 0.0, y: F64 | float = 0.0, z: F64 | float = 0.0) -> None:
        for axis, value in enumerate((x, y, z)):
            fields[CONTROL_INDEX[name], axis] += value

    _jaw(site, add)
    _mouth(site, add)
    _corners(site, add)
    _upper_face(site, add)
    return fields


def _jaw(site: Site, add: Add) -> None:
    chin = float(site.frame.points[CHIN, 1])
    cheek = float(np.ptp(site.frame.points[[EAR_RIGHT, EAR_LEFT], 0])) / 2
    middle = float(site.frame.points[[EAR_RIGHT, EAR_LEFT], 0].mean())
    lower = 1 - smoothstep((np.abs(site.x - middle) - 0.45 * cheek) / (0.5 * cheek))
    lower *= 1 - smoothstep((site.y - chin + 0.04) / 0.85)
    jaw = lower * smoothstep((site.y + 0.13) / 0.46)
    add("jaw", y=JAW_DROP * jaw, z=0.08 * jaw, x=-0.03 * site.x * jaw)
    add("jawSide", x=0.09 * jaw)
    for side, x in _corner_x(site):
        add("jaw", x=-0.035 * np.sign(x) * _corner(site, side))
    gap = site.lips.gap if not site.lips.closed else 0.0
    wide = max(gap - _SMILE_GAP, 0.0)  # the jaw itself hangs
    hanging = lower * smoothstep((site.y + 0.3) / (chin + 0.3))
    add("rest", y=-0.35 * (gap - wide) * jaw - 0.75 * wide * hanging)


def _mouth(site: Site, add: Add) -> None:
    u, half = site.u, site.lips.half_width
    pull = u * np.exp((1 - u**2) / (2 * 1.35**2)) * np.exp(-((site.y / 0.25) ** 2) / 2)
    front = site.blob(0.0, 0.0, 0.26, 0.20)
    add("pucker", x=-0.34 * half * pull, z=-0.10 * front)
    add("funnel", x=-0.24 * half * pull, z=-0.08 * front)
    add("mouthSide", x=0.09 * site.blob(0.0, 0.02, 0.30, 0.20))
    chin = site.blob(0.0, 0.33, 0.22, 0.14)
    add("shrugLower", y=-0.045 * chin)
    for side in (-1, 1):
        nose = site.blob(side * 0.12, -0.22, 0.10, 0.10)
        add(_sided("upperUp", side), y=-0.015 * nose)
        add(_sided("noseSneer", side), y=-0.035 * site.blob(side * 0.14, -0.30, 0.09, 0.11))


def _corner_x(site: Site) -> tuple[tuple[int, float], tuple[int, float]]:
    return (-1, site.lips.right), (1, site.lips.left)


def _corner(site: Site, side: int) -> F64:
    x = site.lips.right if side < 0 else site.lips.left
    y = float(site.lips.at(site.lips.inner_upper, np.array(x)))
    return site.blob(x, y, 0.165, 0.20)


def _corners(site: Site, add: Add) -> None:
    """What happens at each mouth corner: a positive x amplitude pulls it outwards."""
    moves = {
        "smile": (0.055, -0.075), "frown": (0.01, 0.06), "dimple": (0.03, -0.012),
        "stretch": (0.065, 0.022), "press": (0.008, 0.0),
    }  # fmt: skip
    for side, _ in _corner_x(site):
        bump = _corner(site, side)
        for name, (out, down) in moves.items():
            add(_sided(name, side), x=side * out * bump, y=down * bump)
        add(_sided("smile", side), y=-0.03 * site.blob(side * 0.46, -0.34, 0.18, 0.18))
        relax = float(np.clip(site.lips.toothy, 0, 1))
        add("rest", x=-side * 0.13 * site.lips.half_width * relax * bump, y=0.045 * relax * bump)


def _upper_face(site: Site, add: Add) -> None:
    for side, marks in ((-1, _BROWS_RIGHT), (1, _BROWS_LEFT)):
        (in_x, in_y), (mid_x, mid_y), (out_x, out_y) = site.frame.points[list(marks), :2]
        frown = site.blob(mid_x, mid_y, 0.22, 0.11) + 0.6 * site.blob(in_x, in_y, 0.12, 0.11)
        add(_sided("browDown", side), y=0.07 * frown)
        add(_sided("browDown", side), x=-side * 0.03 * site.blob(in_x, in_y, 0.13, 0.12))
        add("browInnerUp", y=-0.09 * site.blob(in_x, in_y, 0.16, 0.13))
        arch = site.blob(out_x, out_y, 0.16, 0.12) + site.blob(mid_x, mid_y, 0.15, 0.12)
        arch += 0.5 * site.blob(in_x, in_y, 0.15, 0.12)
        add(_sided("browOuterUp", side), y=-0.05 * arch)
        add("cheekPuff", x=side * 0.05 * site.blob(side * 0.5, 0.0, 0.17, 0.2))
        cheek = site.blob(side * 0.45, -0.48, 0.2, 0.13)
        add(_sided("cheekSquint", side), y=-0.035 * cheek)


def lip_fields(site: Site, skin: F64) -> tuple[F64, F64]:
    """Displacement of the upper and the lower layer by every control, two of [K, 3, ...]."""
    upper, lower = skin.copy(), skin.copy()
    weights = _lip_weights(site)
    for layer, edge, weight in (
        (upper, site.lips.inner_upper, weights[0]),
        (lower, site.lips.inner_lower, weights[2]),
    ):
        layer += weight * _to_seam(site, edge)
    for name, (inner_up, outer_up, inner_low, outer_low) in _lip_moves(site).items():
        index = CONTROL_INDEX[name]
        upper[index, 1] += weights[0] * inner_up + weights[1] * outer_up
        lower[index, 1] += weights[2] * inner_low + weights[3] * outer_low
    return upper, lower


def _to_seam(site: Site, edge: F64) -> F64:
    """What makes a lip's edge go with the skin at the seam, so that closed lips stay closed."""
    lips = site.lips
    along = Site(lips.x, seam_curve(lips), site.frame, lips, site.overlap)
    extra = skin_fields(along) - skin_fields(replace(along, y=edge))  # [K, 3, N]
    rows = [np.interp(site.x, lips.x, row) for row in extra.reshape(-1, len(lips.x))]
    return np.stack(rows).reshape(*extra.shape[:2], *site.x.shape)


def seam_curve(lips: LipCurves) -> F64:
    """Where the lips meet when they close: in a smile half-way, in an open mouth further up."""
    smile = min(lips.gap, _SMILE_GAP)
    share = (_SMILE_SHARE * smile + _HANGING_SHARE * (lips.gap - smile)) / max(lips.gap, 1e-6)
    return lips.inner_upper + share * (lips.inner_lower - lips.inner_upper)


def _lip_weights(site: Site) -> tuple[F64, F64, F64, F64]:
    """Shares of inner and outer contour: upper inner, upper outer, lower inner, lower outer."""
    lips, x = site.lips, site.x
    hanging = max(lips.gap - _SMILE_GAP, 0.0)
    shares: list[F64] = []
    for inner, outer, sign, fade in (
        (lips.inner_upper, lips.outer_upper, -1, _UPPER_FADE),
        (lips.inner_lower, lips.outer_lower, 1, _LOWER_FADE + 0.5 * hanging),
    ):
        edge, border = lips.at(inner, x), lips.at(outer, x)
        thickness = np.maximum(np.abs(border - edge), _MINIMUM_THICKNESS)
        depth = sign * (site.y - edge)
        across = smoothstep(depth / thickness)
        beyond = smoothstep((depth - thickness) / fade)
        shares += [1 - across, across * (1 - beyond)]
    return shares[0], shares[1], shares[2], shares[3]


def _lip_moves(site: Site) -> dict[str, tuple[F64, F64, F64, F64]]:
    """Downward motion of the four contours beyond that of the skin, by control."""
    lips, x, env = site.lips, site.x, site.envelope
    zero = np.zeros_like(x)
    thick_up = lips.at(lips.inner_upper - lips.outer_upper, x) * np.minimum(3 * env, 1)
    thick_low = lips.at(lips.outer_lower - lips.inner_lower, x) * np.minimum(3 * env, 1)
    drop, lift = _LOWER_LIP_DROP - 0.06, -_UPPER_LIP_LIFT - 0.06
    moves = {
        "rest": _rest(site),
        "part": (lift * env, 0.3 * lift * env, drop * env, 0.62 * drop * env),
        "funnel": (-0.05 * env, -0.065 * env, 0.07 * env, 0.085 * env),
        "pucker": (zero, -0.025 * env, zero, 0.035 * env),
        "rollLower": (zero, zero, -0.012 * env, -0.55 * thick_low),
        "rollUpper": (0.006 * env, 0.55 * thick_up, zero, zero),
        "shrugLower": (-0.03 * env, -0.025 * env, -0.03 * env, -0.05 * env),
        "shrugUpper": (-0.03 * env, -0.04 * env, -0.03 * env, -0.015 * env),
    }
    for side in (-1, 1):
        half = env * (1 + np.tanh(2 * side * site.u)) / 2
        moves[_sided("press", side)] = (
            0.006 * half, 0.35 * half * thick_up, -0.006 * half, -0.35 * half * thick_low,
        )  # fmt: skip
        moves[_sided("lowerDown", side)] = (zero, zero, 0.10 * half, 0.07 * half)
        moves[_sided("upperUp", side)] = (-0.075 * half, -0.06 * half, zero, zero)
    return moves


def _rest(site: Site) -> tuple[F64, F64, F64, F64]:
    """From the lips of the picture to closed lips."""
    lips, x = site.lips, site.x
    if lips.closed:
        zero = np.zeros_like(x)
        return zero, zero, zero, zero
    upper, lower = lips.at(lips.inner_upper, x), lips.at(lips.inner_lower, x)
    seam = lips.at(seam_curve(lips), x)
    overlap = site.overlap * np.clip((1 - np.abs(site.u)) / 0.12, 0, 1)
    down, up = seam - upper + overlap, seam - lower - overlap
    return down, 0.35 * down, up, 0.6 * up


def _sided(name: str, side: int) -> str:
    """The control of one side of the picture; the person's left is at its right edge."""
    return name + ("Left" if side > 0 else "Right")
