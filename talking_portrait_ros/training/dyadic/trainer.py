"""One run's state, one step of it, and its way into a checkpoint and back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from talking_portrait_ros.flow.path import between, velocity_from_clean
from talking_portrait_ros.flow.schedule import drawn_times, times_down
from talking_portrait_ros.flow.solver import euler
from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.latents.ar_flow_matching.load import TRAIN
from talking_portrait_ros.latents.ar_flow_matching.model import ArFlow
from talking_portrait_ros.latents.audio_regression.model import load_net
from talking_portrait_ros.nn.loading import load_into
from talking_portrait_ros.training.dyadic.batches import Batch, draw_batch
from talking_portrait_ros.training.dyadic.config import DyadicTraining
from talking_portrait_ros.training.dyadic.lips import Pairs, lips_loss, speech_pairs
from talking_portrait_ros.training.dyadic.material import LEAD_FRAMES, Scene, motion_of
from talking_portrait_ros.training.loop.curriculum import Stage
from talking_portrait_ros.training.loop.ema import Ema
from talking_portrait_ros.training.loop.learner import descend, learned_tensors, load_learned
from talking_portrait_ros.training.loop.schedule import (
    CosineSchedule,
    seed_step,
    set_learning_rate,
)

_BETAS = (0.9, 0.98)
_GESTURES = 4.0  # how much the surprise at a gesture counts: it is rare, and small in nats
_ANCHOR_FRAMES = 10  # the last ones of a stretch, one of which is its anchor
_ANCHORED_AT_REST = 0.5  # share of stretches whose anchor is the face at rest, as when it runs


@dataclass(frozen=True)
class Told:
    """What a network is told of the stretches of a batch, some of it withheld.

    Attributes:
        before: codes of the frames before, spoilt, [B, T, K].
        hides: whether own voice, partner's voice and anchor are withheld, [B] each.
        anchor: code of the anchor, [B, K].
    """

    before: Tensor
    hides: tuple[Tensor, Tensor, Tensor]
    anchor: Tensor


class Trainer:
    """Model, average, optimiser, and all that a step does to them.

    Attributes:
        model: what is trained.
        ema: its average, which is what is evaluated and shipped.
    """

    def __init__(self, config: DyadicTraining, model_config: ArFlowMatchingConfig) -> None:
        self.config = config
        torch.manual_seed(config.seed)
        self.model = ArFlow(model_config).to(config.device)
        self.ema = Ema(self.model, config.ema_decay)
        self._speech: Pairs | None = None
        self._schedule = CosineSchedule(
            config.learning_rate, config.lowest_share * config.learning_rate, config.warm_up,
            config.total_steps,
        )  # fmt: skip
        self._optimiser = torch.optim.AdamW(
            self.model.parameters(), betas=_BETAS, weight_decay=config.weight_decay, fused=True
        )

    def begin(self, scenes: Sequence[Scene]) -> None:
        """Take the weights of `begin_with`.

        Without them, the codes come from the motion of `scenes`, the own ear from `start_from`.

        Raises:
            ValueError: such weights are missing or do not fit.
        """
        if self.config.begin_with:
            load_into(self.model, self.config.begin_with, TRAIN, may_lack="lips.")
        else:
            self.model.codes.fit(motion_of(scenes).to(self.config.device))
            if self.config.start_from:
                self._lend_ear()
        self.ema = Ema(self.model, self.config.ema_decay)

    def step(self, step: int, stage: Stage, scenes: Sequence[Scene]) -> dict[str, float]:
        """Step `step`, counted from 0; its loss, the length of the gradient, its time."""
        generator = seed_step(self.config.seed, step)
        set_learning_rate(self._optimiser, self._schedule.at(step))
        self._optimiser.zero_grad()
        begun_s = time.perf_counter()
        if stage.kind == "lips":
            loss = self.lips_loss(generator)
        else:
            batch = draw_batch(scenes, self.config, generator).to(self.config.device)
            loss = self.loss(batch, stage, generator)
        loss.backward()
        numbers = {"learning_rate": self._schedule.at(step), "loss": float(loss.detach())}
        numbers["gradient"] = descend(self.model, self._optimiser, self.config.clip_norm)
        self.ema.update(self.model, step + 1)
        return {**numbers, "step_ms": 1000 * (time.perf_counter() - begun_s)}

    def loss(self, batch: Batch, stage: Stage, generator: np.random.Generator) -> Tensor:
        """What the network gets wrong: error of the motion, in squared spreads."""
        chance = torch.Generator().manual_seed(int(generator.integers(2**62)))
        codes = self.model.codes.encode(batch.motion)  # [B, 1 + T, K]
        told = self._told(codes, chance)
        wanted = codes[:, 1:]
        noise = torch.randn(wanted.shape, generator=chance).to(wanted)
        t = self._times(wanted.shape[:2], chance).to(wanted)
        if stage.kind == "distil":
            wanted = self._ends(batch, told, noise)
        condition = conditions(self.model, batch, told)
        said = self.model.head(between(wanted, noise, t[..., None]), t, condition)
        wrong = ((said - wanted).square() * self.model.codes.counts).sum(dim=-1)  # [B, T]
        mean: Tensor = (wrong * self._weights(wrong)).mean()
        return mean + _GESTURES * surprise(self.model, condition, batch)

    def lips_loss(self, generator: np.random.Generator) -> Tensor:
        """What the lip nets get wrong in sentences.

        Raises:
            ValueError: the model has none.
        """
        if self.model.lips is None:
            raise ValueError(
                f"curriculum: preset {self.config.preset!r} has no lip nets to teach; choose one "
                "with lip_nets, or leave the stage lips out"
            )
        if self._speech is None:
            self._speech = speech_pairs(self.config.speech, self.config.speech_cache)
        return lips_loss(self.model.lips, self._speech, generator)

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        return learned_tensors(self.model, self.ema, self._optimiser)

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `tensors` gave.

        Raises:
            ValueError: they are those of another model.
        """
        load_learned(tensors, self.model, self.ema, self._optimiser, self.config.out)

    def _lend_ear(self) -> None:
        encoder = self.model.ears.own.encoder
        net = load_net(self.config.start_from, self.config.device)
        if encoder is None or encoder.width != net.n_channels:
            raise ValueError(
                f"start_from={self.config.start_from!r}: an ear of {net.n_channels} channels does "
                "not fit the preset; leave start_from empty"
            )
        encoder.enter.load_state_dict(net.enter.state_dict())
        encoder.blocks.load_state_dict(net.blocks.state_dict())

    def _told(self, codes: Tensor, chance: torch.Generator) -> Told:
        config, n = self.config, len(codes)

        def some(share: float) -> Tensor:
            return (torch.rand(n, generator=chance) < share).to(codes.device)

        hides = some(config.drop_speaker), some(config.drop_listener), some(config.drop_anchor)
        late = torch.randint(1, min(_ANCHOR_FRAMES, codes.shape[1] - 1) + 1, (n,),
                             generator=chance)  # fmt: skip
        anchor = codes[torch.arange(n), -late]
        rest = self.model.codes.encode(torch.zeros_like(self.model.codes.mean))
        anchor = torch.where(some(_ANCHORED_AT_REST)[:, None], rest, anchor)
        return Told(self._spoilt(codes[:, :-1], chance), hides, anchor)

    def _spoilt(self, before: Tensor, chance: torch.Generator) -> Tensor:
        """The past as a network sees it that has made it itself: with errors (S3, 3.6).

        Frames are mixed with noise, ever less towards the end of the stretch; some stretches
        have a past of noise alone, so that the ears learn to do without it.
        """
        n, n_frames, _ = before.shape
        level = torch.rand(n, n_frames, generator=chance)
        level *= torch.rand(n, n_frames, generator=chance) < self.config.spoilt
        level *= torch.linspace(1, 0, n_frames)
        forgotten = torch.rand(n, 1, generator=chance) < self.config.forgotten
        level = torch.where(forgotten, torch.ones(()), level)
        noise = torch.randn(before.shape, generator=chance)
        return between(before, noise.to(before), level.to(before)[..., None])

    def _times(self, shape: tuple[int, ...], chance: torch.Generator) -> Tensor:
        n_clips, n_frames = shape
        t = drawn_times(n_clips * n_frames, 1.0, chance)
        pure = torch.rand(len(t), generator=chance) < self.config.pure_noise
        return torch.where(pure, torch.ones(()), t).view(n_clips, n_frames)

    def _weights(self, wrong: Tensor) -> Tensor:
        weights = torch.ones_like(wrong)
        n_late = min(self.config.late_frames, wrong.shape[1])
        weights[:, wrong.shape[1] - n_late :] = self.config.late_weight
        return weights / weights.mean()

    @torch.no_grad()
    def _ends(self, batch: Batch, told: Told, noise: Tensor) -> Tensor:
        """Where many Euler steps from `noise` lead the averaged network."""
        model = self.ema.model
        condition = conditions(model, batch, told)

        def velocity(z: Tensor, t: Tensor) -> Tensor:
            said = model.head(z, t.expand(z.shape[:2]), condition)
            return velocity_from_clean(z, said, t)

        ends: Tensor = euler(velocity, noise, times_down(self.config.teacher_steps).to(noise))
        return ends


def conditions(model: ArFlow, batch: Batch, told: Told) -> Tensor:
    """The condition of each frame of the stretches, [B, T, C]."""
    ears = model.ears
    caches = ears.fresh_caches(len(batch.values))
    own, partner = (
        voice[:, LEAD_FRAMES:]
        for voice in ears(batch.values, batch.speech, batch.lookahead, caches)
    )
    hide_own, hide_partner, hide_anchor = told.hides
    own = torch.where(hide_own[:, None, None], ears.own.none, own)
    partner = torch.where(hide_partner[:, None, None], ears.partner.none, partner)
    anchor = torch.where(hide_anchor[:, None], model.no_anchor, model.anchor(told.anchor))
    heard = ears.told(own, partner, own) + model.gestures.told(batch.ages[:, :-1])
    condition: Tensor = model.backbone(told.before, heard, anchor)
    return condition


def surprise(model: ArFlow, condition: Tensor, batch: Batch) -> Tensor:
    """How unlikely the network held the gestures that began and those that did not, in nats."""
    begins = (batch.ages[:, 1:] == 0).float()
    logits = model.gestures.next_logits(condition)
    each = functional.binary_cross_entropy_with_logits(logits, begins, reduction="none")
    return each.sum(dim=-1).mean()
