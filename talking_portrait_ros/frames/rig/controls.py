"""ARKit motion to rig controls: what each column of `motion/arkit-1` does to the fields.

A rig control is the weight of one displacement field of `basis`. Most are one ARKit weight; a few
are products or differences, because lips that are told to close must close however far the jaw is.
"""

from __future__ import annotations

import torch
from torch import Tensor

from talking_portrait_ros.spaces import INDEX

CONTROLS: tuple[str, ...] = (
    "rest", "jaw", "part", "jawSide", "mouthSide", "funnel", "pucker",
    "smileLeft", "smileRight", "frownLeft", "frownRight", "dimpleLeft", "dimpleRight",
    "stretchLeft", "stretchRight", "rollLower", "rollUpper", "shrugLower", "shrugUpper",
    "pressLeft", "pressRight", "lowerDownLeft", "lowerDownRight", "upperUpLeft", "upperUpRight",
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight",
)  # fmt: skip
"""Names of the fields, in order. Left and right are the person's own."""

CONTROL_INDEX = {name: index for index, name in enumerate(CONTROLS)}

_SAME = {
    "funnel": "mouthFunnel", "pucker": "mouthPucker",
    "smileLeft": "mouthSmileLeft", "smileRight": "mouthSmileRight",
    "frownLeft": "mouthFrownLeft", "frownRight": "mouthFrownRight",
    "dimpleLeft": "mouthDimpleLeft", "dimpleRight": "mouthDimpleRight",
    "stretchLeft": "mouthStretchLeft", "stretchRight": "mouthStretchRight",
    "rollLower": "mouthRollLower", "rollUpper": "mouthRollUpper",
    "shrugLower": "mouthShrugLower", "shrugUpper": "mouthShrugUpper",
    "pressLeft": "mouthPressLeft", "pressRight": "mouthPressRight",
    "lowerDownLeft": "mouthLowerDownLeft", "lowerDownRight": "mouthLowerDownRight",
    "upperUpLeft": "mouthUpperUpLeft", "upperUpRight": "mouthUpperUpRight",
}  # fmt: skip

_SOURCES = [INDEX[_SAME.get(name, name)] if name in _SAME or name in INDEX else 0
            for name in CONTROLS]  # fmt: skip

_ROUNDING = 0.35
_NARROWEST = 1.15  # funnel and pucker together would fold the lips

IGNORED: tuple[str, ...] = ("jawForward", "tongueOut")
"""ARKit weights that the rig does not draw."""


def rig_controls(motion: Tensor) -> Tensor:
    """Field weights [B, K] of `motion` [B, 58]."""
    weights = motion[:, :52].clamp(0, 1)
    controls = weights[:, _SOURCES]  # [B, K]
    jaw, close = weights[:, INDEX["jawOpen"]], weights[:, INDEX["mouthClose"]]
    side = weights[:, INDEX["jawLeft"]] - weights[:, INDEX["jawRight"]]
    lips = weights[:, INDEX["mouthLeft"]] - weights[:, INDEX["mouthRight"]]
    rounded = 1 - _ROUNDING * weights[:, INDEX["mouthPucker"]]
    part = jaw * (1 - close) * rounded
    special = torch.stack([torch.ones_like(jaw), jaw, part, side, lips], dim=1)
    controls = torch.cat([special, controls[:, special.shape[1] :]], dim=1)
    rounding = slice(CONTROL_INDEX["funnel"], CONTROL_INDEX["pucker"] + 1)
    narrow = controls[:, rounding]
    controls[:, rounding] = narrow / (narrow.sum(dim=1, keepdim=True) / _NARROWEST).clamp(min=1)
    return controls


def teeth_in_front(motion: Tensor) -> Tensor:
    """How far the lower lip is tucked behind the upper teeth (f, v), [B] 0..1."""
    up = motion[:, [INDEX["mouthUpperUpLeft"], INDEX["mouthUpperUpRight"]]].mean(dim=1)
    return (4 * motion[:, INDEX["mouthRollLower"]] * up).clamp(0, 1)
