"""Clips of the drawn avatar moved as a flat card: no rig, no pack, milliseconds to make.

For trying the training out. The labels are exact; nothing else is like a face in motion.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from talking_portrait_ros.frames.avatar import drawn_avatar
from talking_portrait_ros.spaces import MOTION_WIDTH
from talking_portrait_ros.timebase import Timebase
from talking_portrait_ros.training.corpus.clip import COORDINATE_CELL, N_REFERENCES, Clip

_TURN_RAD, _SHIFT, _SCALE = 0.12, 0.12, 0.08
_TURNS_PER_FRAME = 0.02


class FlatClips:
    """A maker of clips, see `clips.ClipMaker`."""

    def clip(self, seed: int, resolution: int, n_frames: int) -> Clip:
        """The avatar in the colours and the motion of `seed`."""
        generator = np.random.default_rng([seed, resolution])
        picture = self._tinted(generator, resolution)
        poses = np.concatenate([_drift(generator, n_frames), generator.uniform(-1, 1, (3, 4))])
        places = _places(poses, resolution)  # [T + 3, 2, S, S]
        pictures = functional.grid_sample(
            picture.expand(len(places), -1, -1, -1), places.permute(0, 2, 3, 1),
            padding_mode="border", align_corners=False,
        ).round().byte()  # fmt: skip
        labels = functional.avg_pool2d(places, COORDINATE_CELL)
        valid = (labels.abs() <= 1).all(dim=1, keepdim=True).float()
        n_samples = n_frames * Timebase().samples_per_frame
        return Clip(
            frames=pictures[:-N_REFERENCES], references=pictures[-N_REFERENCES:],
            coordinates=labels[:-N_REFERENCES], reference_coordinates=labels[-N_REFERENCES:],
            valid=valid[:-N_REFERENCES], reference_valid=valid[-N_REFERENCES:],
            motion=torch.zeros(n_frames, MOTION_WIDTH), mouth=torch.zeros(n_frames, MOTION_WIDTH),
            samples=torch.zeros(n_samples),
            person="avatar", seed=seed,
        )  # fmt: skip

    @cached_property
    def _picture(self) -> Tensor:
        """[1, 3, H, W], 0..255."""
        return torch.from_numpy(drawn_avatar().image.copy()).permute(2, 0, 1)[None].float()

    def _tinted(self, generator: np.random.Generator, resolution: int) -> Tensor:
        """The avatar in other colours."""
        small = functional.interpolate(self._picture, (resolution,) * 2, mode="area")
        gains = torch.from_numpy(generator.uniform(0.6, 1.2, (1, 3, 1, 1))).float()
        return (small * gains).clamp(0, 255)


def _drift(generator: np.random.Generator, n_frames: int) -> NDArray[np.float64]:
    """Poses that change smoothly, [T, 4] within -1..1."""
    phase = generator.uniform(0, 2 * math.pi, 4) + 2 * math.pi * _TURNS_PER_FRAME * (
        np.arange(n_frames)[:, None] * generator.uniform(0.5, 1.5, 4)
    )
    return np.asarray(np.sin(phase))


def _places(poses: NDArray[np.float64], resolution: int) -> Tensor:
    """Where in the picture each pixel of each pose [N, 4] comes from, [N, 2, S, S]."""
    turn, scale, x, y = torch.from_numpy(poses).float().unbind(1)
    cos = (_TURN_RAD * turn).cos() * (1 + _SCALE * scale)
    sin = (_TURN_RAD * turn).sin() * (1 + _SCALE * scale)
    rows = [torch.stack([cos, -sin, _SHIFT * x], 1), torch.stack([sin, cos, _SHIFT * y], 1)]
    grid = functional.affine_grid(
        torch.stack(rows, 1), [len(poses), 3, resolution, resolution], align_corners=False
    )
    return grid.permute(0, 3, 1, 2)
