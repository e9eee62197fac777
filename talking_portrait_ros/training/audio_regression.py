"""Trains the lips: log-mel slots to articulators, one network per lookahead.

Minutes on a CPU. The network that ships is the one that the default config makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.config import Config, param
from talking_portrait_ros.features.log_mel.config import SLOT_MS
from talking_portrait_ros.latents.audio_regression.config import weights_name
from talking_portrait_ros.latents.audio_regression.model import ArticulationNet
from talking_portrait_ros.latents.audio_regression.visemes import ANTICIPATION_S
from talking_portrait_ros.training.batches import draw_batch
from talking_portrait_ros.training.cards import plot_losses, save_with_card
from talking_portrait_ros.training.speech_corpus import Example, SpeechCorpusConfig, build_corpus
from talking_portrait_ros.weights import FOLDER

SLOTS_PER_S = 1000 // SLOT_MS
OUTPUT_LOSS = (1.0, 0.3, 0.3, 0.2, 0.2, 0.1)  # the opening is what people see first
SPEAKING_BEFORE_S, SPEAKING_AFTER_S = 0.25, 0.1  # the mouth is awake around speech
HALF_FRAME_S = 0.02
VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class AudioRegressionTraining(Config):
    """Settings of the training."""

    out: str = param(str(FOLDER), "folder for the weights and their cards")
    cache: str = param("~/.cache/talking_portrait_ros/corpus", "folder for the synthesised corpus")
    corpus: SpeechCorpusConfig = param(SpeechCorpusConfig(), "the corpus")
    lookaheads_ms: tuple[int, ...] = param((0, 60, 120, 200), "one network for each", unit="ms")
    steps: int = param(1000, "optimiser steps", minimum=1)
    batch: int = param(24, "stretches per step", minimum=1)
    stretch_s: float = param(4.0, "length of a stretch", minimum=0.5, unit="s")
    learning_rate: float = param(2e-3, "highest learning rate", minimum=0.0)
    seed: int = param(1, "same seed, same weights", minimum=0)
    threads: int = param(1, "CPU threads; on a busy machine more are slower", minimum=1)


def train(config: AudioRegressionTraining) -> list[Path]:
    """Trains and saves one network per lookahead; the paths of the weights."""
    torch.set_num_threads(config.threads)
    examples = build_corpus(config.corpus, Path(config.cache).expanduser())
    return [_train_one(config, examples, lookahead) for lookahead in config.lookaheads_ms]


def _train_one(config: AudioRegressionTraining, examples: list[Example], lookahead: int) -> Path:
    torch.manual_seed(config.seed)
    held_out = max(1, int(len(examples) * VALIDATION_SHARE))
    order = np.random.default_rng(config.seed).permutation(len(examples))
    pairs = [aligned(examples[index], lookahead) for index in order]
    net = ArticulationNet()
    name = weights_name(lookahead)
    losses = _fit(net, pairs[held_out:], config, name)
    card = {
        "model": "ArticulationNet: log-mel slots to opening, spread, press, tuck, funnel",
        "lookahead_ms": lookahead,
        "compute": f"{config.steps} steps of {config.batch} x {config.stretch_s} s on a CPU",
        "figures": {**_validate(net, pairs[:held_out]), "train_loss": round(losses[-1], 5)},
        "limits": "learned from synthetic voices only; opening and timing are trained best, "
                  "funnel and tuck are rough; laughter, shouting and song are untested",
        "config": config.replace(out="", cache="").to_dict(),
    }  # fmt: skip
    plot_losses(Path(config.cache).expanduser() / f"{name}_loss.png", losses, name)
    return save_with_card(Path(config.out), name, net.state_dict(), card)


def aligned(example: Example, lookahead_ms: int) -> tuple[F32, F32]:
    """Slots [k, 80] and what the mouth does in the frame that each slot belongs to [k, 6].

    A slot is heard `lookahead_ms` before its frame is drawn; the middle of a frame's two slots
    lies half a frame after its stamp.
    """
    lead_ms = round(1000 * (ANTICIPATION_S - HALF_FRAME_S))
    delay = (lookahead_ms - lead_ms) // SLOT_MS
    n_slots = len(example.slots) - abs(delay)
    heard, done = max(0, delay), max(0, -delay)
    wanted = np.column_stack([example.articulation, _speaking(example.speech)])  # [k, 6]
    return example.slots[heard:][:n_slots], wanted[done:][:n_slots]


def _speaking(speech: F32) -> F32:
    """Speech now, soon or just before, [k]."""
    before, after = (round(s * SLOTS_PER_S) for s in (SPEAKING_BEFORE_S, SPEAKING_AFTER_S))
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(speech, (after, before)), after + before + 1
    )
    return np.asarray(around.max(axis=1))


def _fit(
    net: ArticulationNet, pairs: list[tuple[F32, F32]], config: AudioRegressionTraining, name: str
) -> list[float]:
    from rich.progress import track

    n_slots = int(config.stretch_s * SLOTS_PER_S)
    generator = np.random.default_rng(config.seed)
    importance = torch.tensor(OUTPUT_LOSS)[:, None]
    optimiser = torch.optim.AdamW(net.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=config.steps + 1
    )
    losses = []
    for _ in track(range(config.steps), name):
        slots, wanted = draw_batch(pairs, config.batch, n_slots, generator)
        made, _ = net(slots, net.fresh_caches(config.batch))
        loss = (importance * (made - wanted) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def _validate(net: ArticulationNet, pairs: list[tuple[F32, F32]]) -> dict[str, float]:
    """Correlation of the opening with its label on stretches that were not trained on."""
    made = np.concatenate([_run(net, slots) for slots, _ in pairs])
    wanted = np.concatenate([label for _, label in pairs])
    r = [np.corrcoef(made[:, i], wanted[:, i])[0, 1] for i in range(2)]
    return {"synthetic_opening_r": round(float(r[0]), 3),
            "synthetic_spread_r": round(float(r[1]), 3)}  # fmt: skip


def _run(net: ArticulationNet, slots: F32) -> F32:
    """Articulators [k, 5] of one stretch of slots [k, 80]."""
    made, _ = net(torch.from_numpy(slots.T.copy())[None], net.fresh_caches())
    return np.asarray(made[0].numpy().T)
