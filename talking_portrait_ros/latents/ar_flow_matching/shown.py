"""From the motion that the network makes to the motion that is shown.

What the network remembers is its own motion; amplitudes, the gate of the mouth and the wishes of
people are applied to a copy, so none of them can feed back.
"""

from __future__ import annotations

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.spaces import ARKIT_NAMES, MOTION_NAMES

_PARTS = {
    "smile": ("mouthSmile", "mouthDimple", "mouthFrown", "cheekSquint"),
    "mouth": ("mouth", "jaw", "cheekPuff", "tongueOut", "noseSneer"),
    "brow": ("brow",),
    "blink": ("eyeBlink", "eyeSquint", "eyeWide"),
    "gaze": ("eyeLook",),
    "head": ("head",),
}
"""Amplitude -> how the names of its numbers begin; the first that fits counts."""

_MOST_TURN, _MOST_SHIFT = 0.6, 0.3  # radians and face widths: no head goes further


def part_of(name: str) -> str:
    """The amplitude that scales the number `name`."""
    return next(part for part, starts in _PARTS.items() if name.startswith(starts))


COLUMNS = {
    part: [index for index, name in enumerate(MOTION_NAMES) if part_of(name) == part]
    for part in _PARTS
}
"""Columns of `motion/arkit-1` that each amplitude scales."""

_PART_OF_COLUMN = [list(_PARTS).index(part_of(name)) for name in MOTION_NAMES]

_CALM = COLUMNS["head"] + COLUMNS["brow"] + COLUMNS["gaze"] + COLUMNS["smile"]
_FOLLOW = 0.5  # share of the way to a new value per frame: what is calm does not tremble

_N_WEIGHTS = len(ARKIT_NAMES)


def shown(motion: F32, gate: float, config: ArFlowMatchingConfig) -> F32:
    """One frame [58] as it is shown; a copy.

    Args:
        motion: what the network made.
        gate: how far the mouth may open, 0..1.
        config: the amplitudes.
    """
    amplitudes = [getattr(config, part) * (gate if part == "mouth" else 1.0) for part in _PARTS]
    return bounded(motion * np.array(amplitudes, np.float32)[_PART_OF_COLUMN])


def voted(row: F32, mouth: F32, n_nets: int) -> F32:
    """`row` [58] with the mean of its mouth and that of `n_nets` others, [58], in place."""
    columns = COLUMNS["mouth"]
    row[columns] += np.float32(n_nets / (n_nets + 1)) * (mouth[columns] - row[columns])
    return row


def calmed(row: F32, before: F32 | None) -> F32:
    """`row` [58] with its slow parts eased from the frame before, in place."""
    if before is not None:
        row[_CALM] = before[_CALM] + np.float32(_FOLLOW) * (row[_CALM] - before[_CALM])
    return row


def bounded(row: F32) -> F32:
    """Weights within 0..1 and the head within what a neck can do, in place."""
    row[:_N_WEIGHTS] = row[:_N_WEIGHTS].clip(0.0, 1.0)
    row[_N_WEIGHTS : _N_WEIGHTS + 3] = row[_N_WEIGHTS : _N_WEIGHTS + 3].clip(
        -_MOST_TURN, _MOST_TURN
    )
    row[_N_WEIGHTS + 3 :] = row[_N_WEIGHTS + 3 :].clip(-_MOST_SHIFT, _MOST_SHIFT)
    return row
