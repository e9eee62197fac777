"""Random stretches of sequences, for the trainers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from talking_portrait_ros.chunks import F32


def draw_batch(
    pairs: list[tuple[F32, F32]], n_batch: int, n_slots: int, generator: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Random stretches of random pairs [k, C]: inputs [B, C, n_slots], targets [B, C', n_slots].

    Pairs shorter than `n_slots` repeat their last slot.
    """
    stretches = []
    for index in generator.integers(0, len(pairs), n_batch):
        length = len(pairs[index][0])
        start = generator.integers(0, max(1, length - n_slots))
        which = np.minimum(np.arange(start, start + n_slots), length - 1)
        stretches.append([part[which].T for part in pairs[index]])
    slots, wanted = (np.stack(parts) for parts in zip(*stretches, strict=True))
    return torch.from_numpy(slots), torch.from_numpy(wanted)
