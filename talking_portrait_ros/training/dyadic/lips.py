"""Teaches the lip nets: sentences with phoneme times, in rooms, with noise and music.

The corpus and the labels are those of `audio_regression`; the speech is harder than that of the
conversations, so the nets do not rely on a voice that is alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.latents.ar_flow_matching.lips import N_LOOKAHEADS, Lips
from talking_portrait_ros.training.audio_regression import OUTPUT_LOSS, aligned
from talking_portrait_ros.training.batches import draw_batch
from talking_portrait_ros.training.speech_corpus import SpeechCorpusConfig, build_corpus

BATCH, STRETCH_SLOTS = 16, 200  # of each net

Pairs = list[tuple[F32, F32]]


def speech_pairs(config: SpeechCorpusConfig, cache: str) -> Pairs:
    """Slots [k, 80] and what the mouth does while they sound, [k, 6], of each example."""
    return [aligned(one, 0) for one in build_corpus(config, Path(cache).expanduser())]


def lips_loss(
    lips: Lips,
    pairs: Pairs,
    generator: np.random.Generator,
    n_batch: int = BATCH,
    n_slots: int = STRETCH_SLOTS,
) -> Tensor:
    """What the nets get wrong, each on stretches of its own, over all lookaheads."""
    batches = [draw_batch(pairs, n_batch, n_slots, generator) for _ in range(lips.n_nets)]
    slots, wanted = (torch.stack(parts).transpose(2, 3) for parts in zip(*batches, strict=True))
    place = lips.enter.weight
    slots, wanted = slots.to(place), wanted.to(place)  # [N, B, T, 80] and [N, B, T, 6]
    said = lips(slots, lips.fresh_caches(n_batch))
    importance = torch.tensor(OUTPUT_LOSS).to(place)
    losses = []
    for late in range(N_LOOKAHEADS):  # a slot says what the mouth did so many slots ago
        wrong = said[:, :, late:, late] - wanted[:, :, : n_slots - late]
        losses.append((importance * wrong.square()).mean())
    return torch.stack(losses).mean()
