"""Makes one block after the other: Euler steps from noise, then the block joins the past."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from talking_portrait_ros.flow.path import velocity_from_clean
from talking_portrait_ros.flow.schedule import times_down
from talking_portrait_ros.flow.solver import euler, guided
from talking_portrait_ros.latents.block_rectified_flow.config import BlockRectifiedFlowConfig
from talking_portrait_ros.latents.block_rectified_flow.fast import FastBlockFlow
from talking_portrait_ros.latents.block_rectified_flow.model import (
    Block,
    BlockFlow,
    ReferenceMemory,
)
from talking_portrait_ros.latents.block_rectified_flow.ring import StepRing
from talking_portrait_ros.latents.noise import draws
from talking_portrait_ros.nn.attention import KeysValues

_NOISE = 77  # chance stream of the blocks


@dataclass
class Past:
    """What a session remembers: its references and the newest steps.

    With guidance everything is there twice: once as told, once told nothing.
    """

    references: ReferenceMemory
    ring: StepRing
    block: int = 0


class Sampler:
    """Samples blocks with a network; several sessions may go on at once (the batch)."""

    def __init__(
        self,
        model: BlockFlow,
        config: BlockRectifiedFlowConfig | None = None,
        network: FastBlockFlow | None = None,
    ) -> None:
        """`config`: how to sample, where that is not as `model` says; `network`: its verbs."""
        self.model = model
        self._network = network or model
        self.config = config = config or model.config
        self.is_guided = config.guidance != 1
        self._times = times_down(config.denoise_steps, config.shift)

    def start(self, references: Tensor) -> Past:
        """The past of sessions that begin with references [B, M, C, h, w], latents of the VAE."""
        config, n_batch = self.config, len(references)
        if self.is_guided:
            is_null = torch.arange(2 * n_batch, device=references.device) >= n_batch
            memory = self._network.read_references(references.repeat(2, 1, 1, 1, 1), is_null)
        else:
            memory = self._network.read_references(references)
        shape = (config.depth, len(memory.anchor), config.n_heads, config.window_steps,
                 config.tokens_per_step, config.head_width)  # fmt: skip
        return Past(memory, StepRing.empty(shape, memory.keys_values[0].keys))

    def refer(self, references: Tensor, past: Past) -> None:
        """Go on with other references; what has been made stays in the past."""
        past.references = self.start(references).references

    def block(
        self, sound: Tensor, past: Past, noise: Tensor, has_first: bool,
        n_steps: int | None = None, draft: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """The next block of latents of the VAE, [B, S, C, h, w].

        Args:
            sound: what the steps are told, [B, S, sound_width].
            past: brought up to date.
            noise: [B, S, C, h, w].
            has_first: the first step stands for a session's first frame.
            n_steps: Euler steps; None for as many as the config says.
            draft: latents of the VAE that those of the block are near to, [B, S, C, h, w]; for
                `anchor: draft`.
        """
        times = self._times if n_steps is None else times_down(n_steps, self.config.shift)
        if past.ring.n_steps + self.config.block_steps > self.config.window_steps:
            past.ring.keep(self.config.carried_steps)
        context = self._context(past)
        position = past.ring.n_steps
        still = past.references.anchor
        anchor = self._anchor(still, draft, noise)
        sound = self._with_null(sound)
        seen: list[list[KeysValues]] = []

        def as_block(z: Tensor, t: Tensor) -> Block:
            values = z.repeat(len(anchor) // len(z), 1, 1, 1, 1)
            at = t.to(z).expand(values.shape[:2])
            return Block(values, at, sound, anchor, still, position, has_first)

        def velocity(z: Tensor, t: Tensor) -> Tensor:
            said, kept = self._network.denoise(as_block(z, t), context)
            seen[:] = [kept]
            said = self._guided(said)
            if self.config.prediction == "velocity":
                return said
            return velocity_from_clean(z, self.config.correction * said, t)

        values = euler(velocity, noise, times.to(noise))
        if self.config.commit == "clean":
            kept = self._network.commit(as_block(values, torch.zeros(())), context)
        else:
            kept = seen[-1]
        self._remember(kept, past)
        return self.model.outer(values, anchor[: len(noise)])

    def _anchor(self, still: Tensor, draft: Tensor | None, noise: Tensor) -> Tensor:
        """What the values of a block are differences from, [B, S, C, h, w]."""
        if self.config.anchor != "draft":
            return still[:, None].expand(-1, noise.shape[1], -1, -1, -1)
        if draft is None:
            raise ValueError("draft: a network with `anchor: draft` needs one for each block")
        return self.model.standardised(draft).repeat(len(still) // len(noise), 1, 1, 1, 1)

    def _context(self, past: Past) -> list[KeysValues]:
        """References, then past, per transformer block."""
        if not past.ring.n_steps:
            return list(past.references.keys_values)
        return [
            KeysValues(torch.cat([r.keys, p.keys], 2), torch.cat([r.values, p.values], 2))
            for r, p in zip(
                past.references.keys_values, past.ring.placed(self.config.head_width), strict=True
            )
        ]

    def _remember(self, kept: list[KeysValues], past: Past) -> None:
        n_tokens = self.config.tokens_per_step
        keys, values = (
            torch.stack([getattr(one, name) for one in kept]).unflatten(3, (-1, n_tokens))
            for name in ("keys", "values")
        )
        past.ring.append(keys, values)
        past.block += 1

    def _with_null(self, sound: Tensor) -> Tensor:
        if not self.is_guided:
            return sound
        return torch.cat([sound, self.model.no_sound.expand_as(sound)])

    def _guided(self, said: Tensor) -> Tensor:
        if not self.is_guided:
            return said
        told, untold = said.chunk(2)
        return guided(told, untold, self.config.guidance)


def block_noise(seed: int, block: int, shape: tuple[int, ...]) -> Tensor:
    """The noise of a block: a function of seed and index alone."""
    key = int(next(draws(seed, _NOISE, block)) * 2**53)
    return torch.randn(shape, generator=torch.Generator().manual_seed(key))
