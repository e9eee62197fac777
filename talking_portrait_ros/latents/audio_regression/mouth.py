"""Articulators to ARKit weights, and the gate that shuts the mouth in silence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.spaces import INDEX, MOTION_WIDTH

REST_OPENING = 0.05  # what the network calls closed is closed
WIDEST_JAW = 0.7  # jawOpen of opening 1; loud vowels reach about two thirds of it
CLOSED_BY_PRESS = (0.4, 0.8)  # press at which the lips begin to close and are all but closed
RELEASE_FRAMES = 3
# Probability of speech at which the gate is shut and open. A low bar: soft speech must pass, and
# what is left of noise and music, the network itself answers with little motion. Without
# lookahead the end of speech is heard later, and the bar is higher.
HEARD = (0.05, 0.2)
HEARD_WITHOUT_LOOKAHEAD = (0.2, 0.5)

_LEFT_RIGHT = ("Left", "Right")


def heard_with(lookahead_ms: int) -> tuple[float, float]:
    """Probability of speech at which the gate is shut and open, for features of a lookahead."""
    return HEARD if lookahead_ms else HEARD_WITHOUT_LOOKAHEAD


@dataclass
class Gate:
    """How far the mouth may open, 0..1: opens at once, shuts in `RELEASE_FRAMES`."""

    heard: tuple[float, float] = HEARD
    value: float = 0.0

    def follow(self, speech: F32) -> F32:
        """The gate after each frame, [T], for its probability of speech, [T]."""
        gates = np.empty(len(speech), np.float32)  # [T]
        for index, goal in enumerate(_ramp(speech, *self.heard).tolist()):
            self.value = max(goal, self.value - 1 / RELEASE_FRAMES)
            gates[index] = self.value
        return gates


def mouth_motion(articulators: F32, gate: F32, amplitude: float) -> F32:
    """`motion/arkit-1` [T, 58] with mouth and jaw only.

    The parting of the lips is linear in `opening`, but for p, b and m, which close them whatever
    the jaw would do. jawOpen carries it alone, and the other weights hardly part them.

    Args:
        articulators: [T, 5], see `visemes`.
        gate: [T], 0 keeps the mouth at rest.
        amplitude: how far the mouth moves, 0 not at all.
    """
    scale = gate[:, None] * np.float32(amplitude)
    opening, spread, press, tuck, funnel = (articulators.clip(-1.0, 1.0) * scale).T  # each [T]
    opening = np.maximum(0.0, opening - REST_OPENING * scale[:, 0]) / (1 - REST_OPENING)
    press, tuck, funnel = (np.maximum(0.0, part) for part in (press, tuck, funnel))
    opening *= 1 - 0.9 * _ramp(articulators[:, 2], *CLOSED_BY_PRESS)
    wide, round_ = np.maximum(0.0, spread), np.maximum(0.0, -spread)
    teeth = wide * np.minimum(1.0, 3 * opening)
    motion = np.zeros((len(articulators), MOTION_WIDTH), np.float32)  # [T, 58]
    _put(motion, jawOpen=WIDEST_JAW * opening, mouthClose=0.2 * press,
         mouthPucker=0.9 * round_, mouthFunnel=0.8 * funnel,
         mouthRollLower=0.8 * tuck + 0.15 * press, mouthRollUpper=0.15 * press)  # fmt: skip
    for side in _LEFT_RIGHT:
        _put(motion, **{
            f"mouthStretch{side}": 0.3 * wide, f"mouthSmile{side}": 0.1 * wide,
            f"mouthPress{side}": 0.3 * press, f"mouthLowerDown{side}": 0.1 * teeth,
            f"mouthUpperUp{side}": 0.1 * teeth + 0.6 * tuck})  # fmt: skip
    return motion.clip(0.0, 1.0)


def _ramp(x: F32, shut: float, full: float) -> F32:
    """0 up to `shut`, 1 from `full` on."""
    return np.asarray(np.clip((x - shut) / (full - shut), 0.0, 1.0))


def _put(motion: F32, **weights: F32) -> None:
    for name, values in weights.items():
        motion[:, INDEX[name]] = values
