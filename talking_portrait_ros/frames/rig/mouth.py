"""The mouth region of a frame: two lip layers over teeth, tongue and the dark behind them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from talking_portrait_ros.frames.rig.controls import CONTROL_INDEX, teeth_in_front
from talking_portrait_ros.frames.rig.rig import Rig
from talking_portrait_ros.frames.rig.sampling import Sampling
from talking_portrait_ros.frames.rig.teeth import REACH

_EDGE_PX = 1.4
_JAW_TEETH, _JAW_TONGUE, _SIDE = 0.235, 0.17, 0.07
_SHADOW = 0.05
_SEAM_PX, _SEAM_DARK = 1.1, 0.45
_FEATHER_PX = 8


@dataclass(frozen=True)
class MouthView:
    """What one look at the mouth needs.

    Attributes:
        upper: source pixels of the upper layer, [B, h, w, 2].
        lower: source pixels of the lower layer, [B, h, w, 2].
        place: x and y on the face (units) of each pixel, seen on the skull, [B, h, w, 2].
        motion: `motion/arkit-1`, [B, 58].
        controls: weights of the fields, [B, K].
    """

    upper: Tensor
    lower: Tensor
    place: Tensor
    motion: Tensor
    controls: Tensor


def draw_mouth(rig: Rig, view: MouthView, sampling: Sampling) -> Tensor:
    """Colours 0..255 of the mouth window, [B, h, w, 3]."""
    upper = sampling.sample(rig.upper, view.upper)  # [B, h, w, 4]
    lower = sampling.sample(rig.lower, view.lower)
    scale = float(rig.face[8])
    above, below = upper[..., 3:], lower[..., 3:]  # distances inside the lips, pixels
    alpha_upper = (above / (_EDGE_PX * scale) + 0.5).clamp(0, 1)
    alpha_lower = (below / (_EDGE_PX * scale) + 0.5).clamp(0, 1)
    sprites, teeth = _interior(rig, view, -above, -below, sampling)
    front = teeth_in_front(view.motion)[:, None, None, None]
    alpha_lower = alpha_lower * (1 - front * teeth * (above < 0))
    colour = sprites + (lower[..., :3] - sprites) * alpha_lower
    colour = colour + (upper[..., :3] - colour) * alpha_upper
    return colour * (1 - _seam(rig, above, below, view.place, scale))


def _seam(rig: Rig, above: Tensor, below: Tensor, place: Tensor, scale: float) -> Tensor:
    """Darkness of the line between lips that the picture shows open and the rig has closed."""
    apart = (above.square() + below.square()) / (_SEAM_PX * scale) ** 2
    across = (place[..., :1] / rig.face[6]).square()
    return _SEAM_DARK * rig.face[7] * torch.exp(-apart / 2) * (1.15 - across).clamp(0, 1)


def _interior(
    rig: Rig, view: MouthView, under: Tensor, over: Tensor, sampling: Sampling
) -> tuple[Tensor, Tensor]:
    """What is seen between the lips, and how much of it is upper teeth.

    `under` and `over` are the distances from the upper and the lower lip, pixels.
    """
    unit = rig.face[4]
    upper_teeth = _sprite(rig, 0, view.place, sampling)
    jaw = view.controls[:, CONTROL_INDEX["jaw"]]
    side = view.controls[:, CONTROL_INDEX["jawSide"]]
    drop = torch.stack([_SIDE * side, _JAW_TEETH * jaw], dim=-1)[:, None, None]
    lower_teeth = _sprite(rig, 1, view.place - drop, sampling)
    reach = torch.stack([_SIDE * side, _JAW_TONGUE * jaw], dim=-1)[:, None, None]
    tongue = _sprite(rig, 2, view.place - reach, sampling)
    shadow = (under / (_SHADOW * unit)).clamp(0, 1)
    rim = (over / (_SHADOW * unit)).clamp(0, 1)
    round_lips = (
        view.controls[:, CONTROL_INDEX["pucker"]] + 0.6 * view.controls[:, CONTROL_INDEX["funnel"]]
    )
    light = (1 - 0.6 * round_lips).clamp(0.25, 1)[:, None, None, None]
    colour = rig.cavity * (0.55 + 0.45 * rim)
    colour = _over(colour, tongue, (0.35 + 0.65 * shadow) * (0.6 + 0.4 * rim) * light)
    colour = _over(colour, lower_teeth, (0.35 + 0.5 * shadow) * (0.7 + 0.3 * rim) * light)
    colour = _over(colour, upper_teeth, (0.62 + 0.38 * shadow) * light)
    return colour, upper_teeth[..., 3:]


def _sprite(rig: Rig, index: int, place: Tensor, sampling: Sampling) -> Tensor:
    size = rig.teeth.shape[1]
    return sampling.sample(rig.teeth[index], (place / REACH + 1) * (size / 2) - 0.5)


def _over(below: Tensor, sprite: Tensor, light: Tensor) -> Tensor:
    return below + (sprite[..., :3] * light - below) * sprite[..., 3:]


def feather(height: int, width: int, device: torch.device | str) -> Tensor:
    """0 at the rim of a window, 1 inside, [h, w, 1]."""
    lines = []
    for length in (height, width):
        steps = torch.arange(length, device=device) + 0.5
        lines.append((torch.minimum(steps, length - steps) / _FEATHER_PX).clamp(0, 1))
    return (lines[0][:, None] * lines[1][None, :])[..., None]
