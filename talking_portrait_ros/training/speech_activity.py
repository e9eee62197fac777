"""Trains the voice activity of the log-mel features, on the same corpus as the lips."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.config import Config, param
from talking_portrait_ros.features.log_mel.mel import SLOT_WIDTH
from talking_portrait_ros.features.log_mel.speech_net import N_DELAYS, N_HIDDEN, NAME
from talking_portrait_ros.training.batches import draw_batch
from talking_portrait_ros.training.cards import plot_losses, save_with_card
from talking_portrait_ros.training.speech_corpus import Example, SpeechCorpusConfig, build_corpus
from talking_portrait_ros.weights import FOLDER

VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class SpeechActivityTraining(Config):
    """Settings of the training."""

    out: str = param(str(FOLDER), "folder for the weights and their card")
    cache: str = param("~/.cache/talking_portrait_ros/corpus", "folder for the synthesised corpus")
    corpus: SpeechCorpusConfig = param(SpeechCorpusConfig(), "the corpus")
    steps: int = param(600, "optimiser steps", minimum=1)
    batch: int = param(32, "stretches per step", minimum=1)
    stretch_slots: int = param(250, "length of a stretch, slots of 20 ms", minimum=50)
    learning_rate: float = param(5e-3, "highest learning rate", minimum=0.0)
    seed: int = param(1, "same seed, same weights", minimum=0)
    threads: int = param(1, "CPU threads; on a busy machine more are slower", minimum=1)


class SpeechNetTraining(nn.Module):
    """The torch twin of `SpeechNet`, with the same names of weights."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(SLOT_WIDTH, N_HIDDEN, batch_first=True)
        self.head = nn.Linear(N_HIDDEN, N_DELAYS)

    def forward(self, slots: Tensor) -> Tensor:
        """Logits [B, T, 21] for slots [B, T, 80]."""
        hidden, _ = self.gru(slots)
        logits: Tensor = self.head(hidden)
        return logits


def train(config: SpeechActivityTraining) -> list[Path]:
    """Trains and saves the network; the path of the weights."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    examples = build_corpus(config.corpus, Path(config.cache).expanduser())
    order = np.random.default_rng(config.seed).permutation(len(examples))
    pairs = [_pair(examples[index]) for index in order]
    held_out = max(1, int(len(pairs) * VALIDATION_SHARE))
    net = SpeechNetTraining()
    losses = _fit(net, pairs[held_out:], config)
    card = {
        "model": "GRU of 32 units: log-mel slots to the probability of speech, 0 to 400 ms ago",
        "compute": f"{config.steps} steps of {config.batch} x {config.stretch_slots} slots, CPU",
        "figures": _validate(net, pairs[:held_out]),
        "limits": "learned from synthetic voices, noise and tones; song and the voices of others "
                  "count as speech",
        "config": config.replace(out="", cache="").to_dict(),
    }  # fmt: skip
    plot_losses(Path(config.cache).expanduser() / f"{NAME}_loss.png", losses, NAME)
    return [save_with_card(Path(config.out), NAME, net.state_dict(), card)]


def _pair(example: Example) -> tuple[F32, F32]:
    """Slots [k, 80], and speech now and 1 to 20 slots ago [k, 21] (nobody spoke before)."""
    past = np.pad(example.speech, (N_DELAYS - 1, 0))
    delayed = np.lib.stride_tricks.sliding_window_view(past, N_DELAYS)[:, ::-1]
    return example.slots, np.ascontiguousarray(delayed)


def _fit(
    net: SpeechNetTraining, pairs: list[tuple[F32, F32]], config: SpeechActivityTraining
) -> list[float]:
    from rich.progress import track

    generator = np.random.default_rng(config.seed)
    optimiser = torch.optim.AdamW(net.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=config.steps + 1
    )
    losses = []
    for _ in track(range(config.steps), NAME):
        slots, wanted = draw_batch(pairs, config.batch, config.stretch_slots, generator)
        logits = net(slots.transpose(1, 2))
        loss = functional.binary_cross_entropy_with_logits(logits, wanted.transpose(1, 2))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def _validate(net: SpeechNetTraining, pairs: list[tuple[F32, F32]]) -> dict[str, float]:
    """Share of slots judged rightly at lookahead 0, 60 and 200 ms, on held-out stretches."""
    right = np.concatenate(
        [
            (net(torch.from_numpy(slots)[None])[0].numpy() > 0) == (wanted > 0.5)
            for slots, wanted in pairs
        ]
    )
    return {f"accuracy_la{20 * k}": round(float(right[:, k].mean()), 4) for k in (0, 3, 10)}
