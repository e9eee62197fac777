"""One run's state, one step of it, and its way into a checkpoint and back."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.model import ReferenceVae
from talking_portrait_ros.training.loop.checkpoints import prefixed, under
from talking_portrait_ros.training.loop.ema import Ema
from talking_portrait_ros.training.loop.learner import descend, learned_tensors, load_learned
from talking_portrait_ros.training.loop.schedule import (
    CosineSchedule,
    seed_step,
    set_learning_rate,
)
from talking_portrait_ros.training.reference_vae.batches import Batch, make_batch
from talking_portrait_ros.training.reference_vae.clips import ClipSupply
from talking_portrait_ros.training.reference_vae.config import ReferenceVaeTraining, Stage
from talking_portrait_ros.training.reference_vae.discriminator import Adversary
from talking_portrait_ros.training.reference_vae.learned_distance import load_lpips
from talking_portrait_ros.training.reference_vae.losses import Outcome, vae_losses

LINEAR_RATE_SHARE = 0.1
_BETAS = (0.9, 0.95)


class Trainer:
    """Model, average, optimiser, and all that a step does to them.

    Attributes:
        model: what is trained.
        ema: its average, which is what is evaluated and shipped.
    """

    def __init__(self, config: ReferenceVaeTraining, model_config: ReferenceVaeConfig) -> None:
        self.config = config
        torch.manual_seed(config.seed)
        self.model = ReferenceVae(model_config).to(config.device)
        if config.fixed_latents:
            _fix_latents(self.model)
        self.ema = Ema(self.model, config.ema_decay)
        self._schedule = CosineSchedule(
            config.learning_rate, config.lowest_share * config.learning_rate, config.warm_up,
            config.total_steps,
        )  # fmt: skip
        self._optimiser = torch.optim.AdamW(
            _groups(self.model), betas=_BETAS, weight_decay=config.weight_decay, fused=True
        )
        losses = config.losses
        self._lpips = load_lpips(config.device) if losses.lpips else None
        self._adversary = (
            Adversary(config.learning_rate, config.device) if losses.adversarial else None
        )

    def begin_linear_path(self, clips: Tensor, features: Tensor) -> None:
        """Let the linear path begin as the components of shrunk clips [N, T, 3, h, w].

        `features` [N, T, s, s] say how far places are mouth or eyes.
        """
        if self.model.linear is None:
            return
        pictures = clips.permute(0, 1, 3, 4, 2).contiguous().to(self.config.device)
        self.model.linear.fit(pictures, features.to(self.config.device))
        self.ema = Ema(self.model, self.config.ema_decay)

    def step(self, step: int, stage: Stage, supply: ClipSupply) -> dict[str, float]:
        """Step `step`, counted from 0; its losses, the length of the gradient, its time."""
        generator = seed_step(self.config.seed, step)
        rate = self._schedule.at(step)
        set_learning_rate(self._optimiser, rate)
        self._optimiser.zero_grad()
        begun_s, data_s = time.perf_counter(), 0.0
        numbers = {"learning_rate": rate}
        for _ in range(self.config.accumulate):
            asked_s = time.perf_counter()
            batch = self._batch(stage, supply, generator)
            data_s += time.perf_counter() - asked_s
            numbers |= self._backward(batch, step)
        numbers["gradient"] = self._descend()
        self.ema.update(self.model, step + 1)
        step_s = time.perf_counter() - begun_s
        return {**numbers, "data_ms": 1000 * data_s, "step_ms": 1000 * step_s}

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        adversary = self._adversary.tensors() if self._adversary else {}
        learned = learned_tensors(self.model, self.ema, self._optimiser)
        return learned | prefixed("adversary", adversary)

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `tensors` gave.

        Raises:
            ValueError: they are those of another model.
        """
        load_learned(tensors, self.model, self.ema, self._optimiser, self.config.out)
        if self._adversary:
            self._adversary.load(under("adversary", tensors))

    def _batch(self, stage: Stage, supply: ClipSupply, generator: np.random.Generator) -> Batch:
        shares = np.array(self.config.reference_shares)
        n_references = int(generator.choice(len(shares), p=shares / shares.sum()))
        clips = supply.draw(stage.batch, generator)
        return make_batch(clips, stage, n_references, generator).to(self.config.device)

    def _backward(self, batch: Batch, step: int) -> dict[str, float]:
        bfloat16 = self.config.precision == "bfloat16"
        with torch.autocast(torch.device(self.config.device).type, torch.bfloat16, bfloat16):
            posterior = self.model.encode(batch.frames)
            cache = self.model.encode_references(batch.references)
            decoded = self.model.decode(posterior.sample(), cache)
        total, numbers = self._losses(batch, Outcome(posterior, decoded), step)
        (total / self.config.accumulate).backward()
        return numbers

    def _losses(
        self, batch: Batch, outcome: Outcome, step: int
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss to go down, and its parts as numbers."""
        weights = self.config.losses
        losses = vae_losses(batch, outcome, weights, step)
        total = losses.total
        numbers = {name: _number(part) for name, part in losses.parts.items()}
        made, wanted = outcome.decoded.frames.flatten(0, 1).float(), batch.frames.flatten(0, 1)
        if self._lpips:
            distance = self._lpips(made, wanted)
            total, numbers["lpips"] = total + weights.lpips * distance, _number(distance)
        if self._adversary and step >= weights.adversarial_from:
            numbers["discriminator"] = self._adversary.learn(wanted, made)
            opinion = self._adversary.opinion(made)
            total, numbers["opinion"] = (
                total + weights.adversarial * opinion,
                float(opinion.detach()),
            )
        return total, {"loss": _number(total), **numbers}

    def _descend(self) -> float:
        """The optimiser's step; the length of the gradient. Not taken where that is not finite."""
        return descend(self.model, self._optimiser, self.config.clip_norm)


def _groups(model: ReferenceVae) -> list[dict[str, Any]]:
    """Weights by how fast they learn: the linear path begins where it is best and hardly moves."""
    linear = list(model.linear.parameters()) if model.linear is not None else []
    slow = {id(weight) for weight in linear}
    rest = [weight for weight in model.parameters() if id(weight) not in slow]
    rest, linear = ([weight for weight in part if weight.requires_grad] for part in (rest, linear))
    groups = [{"params": rest, "share": 1.0}, {"params": linear, "share": LINEAR_RATE_SHARE}]
    return [group for group in groups if group["params"]]


def _fix_latents(model: ReferenceVae) -> None:
    """Let nothing learn that the latents follow from.

    Raises:
        ValueError: the model has no linear path to give them.
    """
    if model.linear is None:
        raise ValueError("fixed_latents: this model has no linear path; leave it out")
    for part in (model.linear, model.encoder.leave):
        part.requires_grad_(requires_grad=False)


def _number(value: Tensor) -> float:
    return float(value.detach())
