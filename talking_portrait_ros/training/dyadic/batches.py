"""From scenes to what one step is taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from talking_portrait_ros.features.causal_speech.config import LOOKAHEADS_MS
from talking_portrait_ros.training.dyadic.config import DyadicTraining
from talking_portrait_ros.training.dyadic.material import LEAD_FRAMES, Scene

_FROM_THE_START = 0.1  # share of stretches that begin with a conversation


@dataclass(frozen=True)
class Batch:
    """Stretches of T frames, with what is heard `LEAD_FRAMES` before them.

    Attributes:
        values: features, [B, LEAD_FRAMES + T, 321].
        speech: [B, LEAD_FRAMES + T].
        lookahead: index in `LOOKAHEADS_MS`, [B].
        motion: with one frame before the stretch, [B, 1 + T, 58].
        ages: of gestures, with one frame after the stretch, [B, T + 1, kinds].
    """

    values: Tensor
    speech: Tensor
    lookahead: Tensor
    motion: Tensor
    ages: Tensor

    def to(self, device: str) -> Batch:
        """The same batch on another device."""
        return Batch(
            self.values.to(device), self.speech.to(device), self.lookahead.to(device),
            self.motion.to(device), self.ages.to(device),
        )  # fmt: skip


def stretches(
    places: Sequence[tuple[Scene, int]], n_frames: int, lookaheads: Sequence[int]
) -> Batch:
    """The stretches of `n_frames` that begin at the given frames of scenes."""
    heard = [
        one.heard(first - LEAD_FRAMES, LEAD_FRAMES + n_frames, lookahead)
        for (one, first), lookahead in zip(places, lookaheads, strict=True)
    ]
    values, speech = (torch.stack(parts) for parts in zip(*heard, strict=True))
    motion = torch.stack([_with_before(one, first, n_frames) for one, first in places])
    ages = torch.stack([one.ages[first : first + n_frames + 1] for one, first in places])
    return Batch(values, speech, torch.tensor(lookaheads), motion, ages)


def draw_batch(
    scenes: Sequence[Scene], config: DyadicTraining, generator: np.random.Generator
) -> Batch:
    """`config.batch` stretches from anywhere, each with one of the lookaheads."""
    n_frames = config.stretch_frames
    chances = np.array([max(0, one.n_frames - n_frames) for one in scenes], float)
    if not chances.any():
        raise ValueError(
            f"stretch_frames={n_frames}: no conversation is longer; make it smaller or give "
            "longer conversations"
        )
    chosen = generator.choice(len(scenes), config.batch, p=chances / chances.sum())
    places = [(scenes[index], _first(scenes[index], n_frames, generator)) for index in chosen]
    lookaheads = generator.choice(config.lookaheads_ms, config.batch)
    return stretches(places, n_frames, [LOOKAHEADS_MS.index(int(ms)) for ms in lookaheads])


def _first(one: Scene, n_frames: int, generator: np.random.Generator) -> int:
    if generator.random() < _FROM_THE_START:
        return 0
    return int(generator.integers(0, one.n_frames - n_frames + 1))


def _with_before(one: Scene, first: int, n_frames: int) -> Tensor:
    """Motion of a stretch and of the frame before it; a conversation begins at rest."""
    if first:
        return one.motion[first - 1 : first + n_frames]
    rest = torch.zeros_like(one.motion[:1])
    return torch.cat([rest, one.motion[:n_frames]])
