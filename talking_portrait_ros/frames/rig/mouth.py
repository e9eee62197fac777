"""What shows between the lips of a frame, and the lips' own soft edges.

Only the small box in which the lips are open or touch is drawn here; elsewhere either layer alone
is seen, and the frame's one look-up has drawn it already.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from talking_portrait_ros.frames.rig.controls import CONTROL_INDEX, teeth_in_front
from talking_portrait_ros.frames.rig.rig import Rig
from talking_portrait_ros.frames.rig.sampling import Sampling
from talking_portrait_ros.frames.rig.teeth import REACH

_EDGE_PX = 1.4
_JAW_TEETH, _JAW_TONGUE, _SIDE = 0.235, 0.165, 0.07
_SHADOW = 0.035
_BITE = 0.035
MOIST_REACH, _MOIST, _APART = 0.040, 0.75, 0.10
_SEAM_PX, _SEAM_DARK = 1.1, 0.45


@dataclass(frozen=True)
class MouthView:
    """One look at the mouth, B windows of h x w pixels.

    Attributes:
        upper: source pixels of the upper lip's layer, [B, h, w, 2].
        lower: source pixels of the lower lip's layer, [B, h, w, 2].
        above: signed distance above the upper lip's edge, pixels, [B, h, w, 1].
        below: signed distance below the lower lip's edge, pixels, [B, h, w, 1].
        place: X and Y on the face of each pixel, seen on the skull, [B, h, w, 2].
        motion: `motion/arkit-1`, [B, 58].
        controls: weights of the fields, [B, K].
    """

    upper: Tensor
    lower: Tensor
    above: Tensor
    below: Tensor
    place: Tensor
    motion: Tensor
    controls: Tensor


def draw_mouth(rig: Rig, picture: Tensor, view: MouthView, sampling: Sampling) -> Tensor:
    """Colours 0..255 of the mouth box, [B, h, w, 3]; `picture` is the rig's as float."""
    scale = float(rig.face[8])
    alpha_upper = (view.above / (_EDGE_PX * scale) + 0.5).clamp(0, 1)
    alpha_lower = (view.below / (_EDGE_PX * scale) + 0.5).clamp(0, 1)
    colour, teeth = _interior(rig, view, sampling)
    middle = (1.3 - 1.5 * view.place[..., :1].abs() / rig.face[6]).clamp(0, 1)
    bite = (_BITE - (-view.above / rig.face[4] - _BITE) * 1.5) / _BITE
    front = teeth_in_front(view.motion)[:, None, None, None] * middle * bite.clamp(0, 1)
    alpha_lower = alpha_lower * (1 - front * teeth)
    lower = _moist(rig, sampling.sample(picture, view.lower), view.below, view.above)
    upper = _moist(rig, sampling.sample(picture, view.upper), view.above, view.below)
    colour = torch.lerp(torch.lerp(colour, lower, alpha_lower), upper, alpha_upper)
    return colour * (1 - _seam(rig, view, scale))


def lips_share(view: MouthView, scale: float) -> Tensor:
    """How much of each pixel is lip or skin, not the inside of the mouth, 0..1 [B, h, w, 1]."""
    return (torch.maximum(view.above, view.below) / (_EDGE_PX * scale) + 0.5).clamp(0, 1)


def light_inside(controls: Tensor) -> Tensor:
    """How much light falls into the mouth, [B]; rounded lips keep it out."""
    rounded = controls[:, CONTROL_INDEX["pucker"]] + 0.6 * controls[:, CONTROL_INDEX["funnel"]]
    return (1 - 0.7 * rounded).clamp(0.25, 1)


def _moist(rig: Rig, lip: Tensor, inside: Tensor, other: Tensor) -> Tensor:
    """A lip whose inner side comes into view as the `other` one moves away."""
    unit = rig.face[4]
    near = (1 - (inside / (MOIST_REACH * unit)).square()).clamp(min=0).square()
    gap = -other - inside.clamp(min=0)
    share = _MOIST * near * (gap / (_APART * unit)).clamp(0, 1)
    return torch.lerp(lip, rig.tissue[1], share)


def _seam(rig: Rig, view: MouthView, scale: float) -> Tensor:
    """Darkness of the line between lips that the picture shows open and the rig has closed."""
    apart = (view.above.square() + view.below.square()) / (_SEAM_PX * scale) ** 2
    return _SEAM_DARK * rig.face[7] * torch.exp(-apart / 2)


def _interior(rig: Rig, view: MouthView, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """What is seen between the lips, and how much of it is upper teeth."""
    unit = rig.face[4]
    upper_teeth = _sprite(rig, 0, view.place, sampling)
    jaw = view.controls[:, CONTROL_INDEX["jaw"]]
    side = _SIDE * view.controls[:, CONTROL_INDEX["jawSide"]]
    drop = torch.stack([side, _JAW_TEETH * jaw], dim=-1)[:, None, None]
    lower_teeth = _sprite(rig, 1, view.place - drop, sampling)
    drop = torch.stack([side, _JAW_TONGUE * jaw], dim=-1)[:, None, None]
    tongue = _sprite(rig, 2, view.place - drop, sampling)
    shadow = (-view.above / (_SHADOW * unit)).clamp(0, 1)
    rim = (-view.below / (_SHADOW * unit)).clamp(0, 1)
    light = light_inside(view.controls)[:, None, None, None]
    corners = (1.1 - 0.6 * (view.place[..., :1] / rig.face[6]).abs() ** 3).clamp(0.45, 1)
    colour = rig.tissue[0] * (0.55 + 0.45 * rim)
    colour = _over(colour, tongue, (0.3 + 0.4 * shadow) * (0.5 + 0.5 * rim), light)
    colour = _over(colour, lower_teeth, (0.35 + 0.5 * shadow) * (0.7 + 0.3 * rim), light)
    colour = _over(
        colour, upper_teeth, corners * (0.8 + 0.2 * shadow) * (0.86 + 0.14 * rim), light
    )
    return colour, upper_teeth[..., 3:]


def _sprite(rig: Rig, index: int, place: Tensor, sampling: Sampling) -> Tensor:
    size = rig.teeth.shape[1]
    return sampling.sample(rig.teeth[index], (place / REACH + 1) * (size / 2) - 0.5)


def _over(below: Tensor, sprite: Tensor, shade: Tensor, light: Tensor) -> Tensor:
    """`sprite` in its own shade over what is `below`; little light lets the dark through."""
    return torch.lerp(below, sprite[..., :3] * shade, sprite[..., 3:] * light)
