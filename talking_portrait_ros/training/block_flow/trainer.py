"""One run's state, one step of it, and its way into a checkpoint and back."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from talking_portrait_ros.flow.path import between, velocity_of
from talking_portrait_ros.latents.block_rectified_flow.config import BlockRectifiedFlowConfig
from talking_portrait_ros.latents.block_rectified_flow.model import Block, BlockFlow
from talking_portrait_ros.latents.block_rectified_flow.sampler import Sampler
from talking_portrait_ros.training.block_flow.batches import (
    Batch,
    block_times,
    draw_batch,
)
from talking_portrait_ros.training.block_flow.config import BlockFlowTraining
from talking_portrait_ros.training.block_flow.material import Material
from talking_portrait_ros.training.loop.curriculum import Stage
from talking_portrait_ros.training.loop.ema import Ema
from talking_portrait_ros.training.loop.learner import descend, learned_tensors, load_learned
from talking_portrait_ros.training.loop.schedule import (
    CosineSchedule,
    seed_step,
    set_learning_rate,
)

_BETAS = (0.9, 0.95)
_LEAST_TIME = 0.3  # a clean prediction counts as velocity does, down to this time
_UNIT_CLIPS = 256


@dataclass(frozen=True)
class Told:
    """A batch as the network gets it.

    Attributes:
        clean: the true latents in the network's units, [B, S, C, h, w].
        anchor: see `Block`.
        still: see `Block`.
        sound: [B, S, sound_width].
        is_null: clips without references, [B].
    """

    clean: Tensor
    anchor: Tensor
    still: Tensor
    sound: Tensor
    is_null: Tensor


class Trainer:
    """Model, average, optimiser, and all that a step does to them.

    Attributes:
        model: what is trained.
        ema: its average, which is what is evaluated and shipped.
    """

    def __init__(self, config: BlockFlowTraining, model_config: BlockRectifiedFlowConfig) -> None:
        self.config = config
        torch.manual_seed(config.seed)
        self.model = BlockFlow(model_config).to(config.device)
        self.ema = Ema(self.model, config.ema_decay)
        self._schedule = CosineSchedule(
            config.learning_rate, config.lowest_share * config.learning_rate, config.warm_up,
            config.total_steps,
        )  # fmt: skip
        self._optimiser = torch.optim.AdamW(
            self.model.parameters(), betas=_BETAS, weight_decay=config.weight_decay, fused=True
        )

    @torch.no_grad()
    def begin(self, material: Material) -> None:
        """Take the units of the latents from clips of `material`."""
        latents = material.latents[:_UNIT_CLIPS].float()
        model = self.model
        model.latent_mean.copy_(latents.mean(dim=(0, 1, 3, 4)))
        model.latent_scale.copy_(latents.std(dim=(0, 1, 3, 4)).clamp(min=1e-3))
        standard = model.standardised(latents.to(model.latent_mean.device))
        near = material.references[:_UNIT_CLIPS, :1]
        if model.config.anchor == "draft":
            near = material.draft[:_UNIT_CLIPS]
        change = (
            (standard - model.standardised(near.float().to(standard.device)))
            .square()
            .mean(dim=(0, 1, 3, 4))
            .sqrt()
        )
        model.change_scale.copy_(change.clamp(min=1e-3))
        self.ema = Ema(model, self.config.ema_decay)

    def step(self, step: int, stage: Stage, material: Material) -> dict[str, float]:
        """Step `step`, counted from 0; its losses, the length of the gradient, its time."""
        generator = seed_step(self.config.seed, step)
        set_learning_rate(self._optimiser, self._schedule.at(step))
        self._optimiser.zero_grad()
        begun_s = time.perf_counter()
        block_steps = int(generator.choice(self.config.blocks))
        batch = draw_batch(
            material, self.config.batch, block_steps, generator, self.config.stretch_steps
        ).to(self.config.device)
        loss = self.loss(batch, block_steps, stage, generator)
        loss.backward()
        numbers = {"learning_rate": self._schedule.at(step), "loss": float(loss.detach())}
        numbers["gradient"] = descend(self.model, self._optimiser, self.config.clip_norm)
        self.ema.update(self.model, step + 1)
        return {**numbers, "step_ms": 1000 * (time.perf_counter() - begun_s)}

    def loss(
        self, batch: Batch, block_steps: int, stage: Stage, generator: np.random.Generator
    ) -> Tensor:
        """What the network gets wrong about noisy blocks."""
        config = self.config
        chance = torch.Generator().manual_seed(int(generator.integers(2**62)))
        told = self._told(batch, chance)
        past = self._past(batch, told, block_steps, stage, chance)
        shape, device = told.clean.shape, told.clean.device
        t = block_times((shape[0], shape[1]), block_steps, config, chance).to(device)
        noise = torch.randn(shape, generator=chance).to(device)
        wanted = told.clean
        if stage.kind == "distil":
            wanted = self._ends(batch, told, block_steps, noise)
        noisy = between(wanted, noise, t[..., None, None, None])
        said = self._said(batch, told, past, noisy, t, block_steps)
        return self._wrong(said, wanted, noise, t)

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        return learned_tensors(self.model, self.ema, self._optimiser)

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `tensors` gave.

        Raises:
            ValueError: they are those of another model.
        """
        load_learned(tensors, self.model, self.ema, self._optimiser, self.config.out)

    def _told(self, batch: Batch, chance: torch.Generator) -> Told:
        model, config = self.model, self.config
        n_clips = len(batch.latents)

        def dropped(share: float) -> Tensor:
            return (torch.rand(n_clips, generator=chance) < share).to(batch.latents.device)

        sound = sound_of(model, batch, dropped(config.drop_guide))
        is_silent = dropped(config.drop_sound)[:, None, None]
        sound = torch.where(is_silent, model.no_sound, sound)
        is_null = dropped(config.drop_references)
        anchor, still = anchors_of(model, batch)
        return Told(model.inner(batch.latents, anchor), anchor, still, sound, is_null)

    def _past(
        self, batch: Batch, told: Told, block_steps: int, stage: Stage, chance: torch.Generator
    ) -> Tensor:
        """The history that the noisy blocks see, in the network's units."""
        if stage.kind != "teach":
            return self._rollout(batch, told, block_steps, chance)
        level = self.config.context_noise * torch.rand(len(told.clean), generator=chance)
        noise = torch.randn(told.clean.shape, generator=chance)
        level, noise = (x.to(told.clean.device) for x in (level, noise))
        return between(told.clean, noise, level.view(-1, 1, 1, 1, 1))

    @torch.no_grad()
    def _rollout(
        self, batch: Batch, told: Told, block_steps: int, chance: torch.Generator
    ) -> Tensor:
        """The clips as the network itself continues them."""
        noise = torch.randn(told.clean.shape, generator=chance).to(told.clean.device)
        made = rolled_out(self.model, batch, told.sound, block_steps, noise)
        return self.model.inner(made, told.anchor)

    @torch.no_grad()
    def _ends(self, batch: Batch, told: Told, block_steps: int, noise: Tensor) -> Tensor:
        """Where many Euler steps from `noise` lead the averaged network, block after block."""
        made = rolled_out(
            self.ema.model, batch, told.sound, block_steps, noise,
            denoise_steps=self.config.teacher_steps,
        )  # fmt: skip
        return self.model.inner(made, told.anchor)

    def _said(
        self, batch: Batch, told: Told, past: Tensor, noisy: Tensor, t: Tensor, block_steps: int
    ) -> Tensor:
        seen = Block(
            past, torch.zeros_like(t), told.sound, told.anchor, told.still, 0, batch.has_first
        )
        asked = replace(seen, values=noisy, t=t)
        bfloat16 = self.config.precision == "bfloat16"
        with torch.autocast(torch.device(self.config.device).type, torch.bfloat16, bfloat16):
            return self.model.teach(batch.references, seen, asked, told.is_null, block_steps)

    def _wrong(self, said: Tensor, wanted: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        model = self.model
        if model.config.prediction == "velocity":
            return (said.float() - velocity_of(wanted, noise)).square().mean()
        scale = model.latent_scale * (model.change_scale if model.config.is_anchored else 1)
        counts = (scale / scale.mean())[:, None, None]
        counts = counts / t.clamp(min=_LEAST_TIME).square()[..., None, None, None]
        return ((said.float() - wanted).square() * counts).mean()


def anchors_of(model: BlockFlow, batch: Batch) -> tuple[Tensor, Tensor]:
    """What the values of a batch are differences from, and the first references: see `Block`."""
    still = model.standardised(batch.references[:, 0])
    if model.config.anchor == "draft":
        return model.standardised(batch.draft), still
    return still[:, None].expand_as(batch.latents), still


def sound_of(model: BlockFlow, batch: Batch, is_unguided: Tensor | None = None) -> Tensor:
    """What the steps of the stretches are told, [B, S, sound_width].

    Args:
        model: its embedder is used.
        batch: the stretches.
        is_unguided: clips without a guide, [B].
    """
    embedder = model.sound
    heard = embedder.hear(batch.features, embedder.fresh_caches(len(batch.features)))
    guide = batch.guide
    if is_unguided is not None:
        guide = torch.where(is_unguided[:, None, None], embedder.no_guide, guide)
    frames = embedder.frames(heard, batch.speech, guide)[:, batch.first_frame :]
    return embedder.steps(frames, batch.has_first)


def rolled_out(
    model: BlockFlow, batch: Batch, sound: Tensor, block_steps: int, noise: Tensor, **changes: int
) -> Tensor:
    """Latents of the VAE as `model` makes them block after block, [B, S, C, h, w].

    Args:
        model: the network.
        batch: its references are used, and whether it begins a session.
        sound: what the steps are told, [B, S, sound_width].
        block_steps: latent steps per block.
        noise: what the blocks begin as, [B, S, C, h, w].
        changes: how else to sample than the model's config says.
    """
    carried = min(model.config.carried_steps, model.config.window_steps - block_steps)
    config = model.config.replace(
        block_steps=block_steps, carried_steps=carried, guidance=1.0, **changes
    )
    sampler = Sampler(model, config)
    past = sampler.start(batch.references)
    parts = (each.split(block_steps, 1) for each in (sound, noise, batch.draft))
    made = [
        sampler.block(own_sound, past, own_noise, batch.has_first and index == 0, draft=own_draft)
        for index, (own_sound, own_noise, own_draft) in enumerate(zip(*parts, strict=True))
    ]
    return torch.cat(made, dim=1)
