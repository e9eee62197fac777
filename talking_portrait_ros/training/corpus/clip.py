"""What the corpus gives: one clip with everything that is known about it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

COORDINATE_CELL = 8
"""Pixels per position of the coordinate maps."""

N_REFERENCES = 3


@dataclass(frozen=True)
class Clip:
    """A labelled stretch of video of one person, and three other pictures of that person.

    Coordinate maps have s = S / 8 positions a side and say where each one lies in the person's
    portrait: x and y, -1..1, pixel borders at -1 and 1 (as `grid_sample` without aligned
    corners). In a mirrored clip the portrait is mirrored too.

    Attributes:
        frames: uint8 RGB [T, 3, S, S].
        references: other poses and expressions of the person, uint8 [3, 3, S, S].
        coordinates: float32 [T, 2, s, s].
        reference_coordinates: float32 [3, 2, s, s].
        valid: how much of each position the coordinates describe; 0 in the painted mouth, on
            closed lids, on another background and beyond the picture, float32 [T, 1, s, s].
        reference_valid: float32 [3, 1, s, s].
        motion: `motion/arkit-1` of the person, without what the camera does, float32 [T, 58].
        mouth: what the speech asks of it, float32 [T, 58]; the rest of `motion` is the life
            around it.
        samples: the sound under the frames, 16 kHz, float32 [640 T].
        person: name of the person in the pack.
        seed: the clip's.
    """

    frames: Tensor
    references: Tensor
    coordinates: Tensor
    reference_coordinates: Tensor
    valid: Tensor
    reference_valid: Tensor
    motion: Tensor
    mouth: Tensor
    samples: Tensor
    person: str
    seed: int
