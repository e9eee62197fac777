"""The network: denoises a block of latents in the light of clean ones before it (S1, 3.3).

Two verbs. `denoise` says what a noisy block is, given references, past and sound; `commit` reads a
finished block into the past. A third, `teach`, does both for a whole clip at once, with the mask
that makes it the same.

Inside, latents are standardised per channel, and differences from an anchor: the first reference,
or a draft of each step. The network's silence is the anchor, and an error cannot wander off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.latents.block_rectified_flow.config import BlockRectifiedFlowConfig
from talking_portrait_ros.latents.block_rectified_flow.mask import teaching_mask
from talking_portrait_ros.latents.block_rectified_flow.positions import (
    reference_rotary,
    video_rotary,
)
from talking_portrait_ros.latents.block_rectified_flow.sound import SoundEmbedder
from talking_portrait_ros.latents.block_rectified_flow.transformer import Attend, FlowBlock
from talking_portrait_ros.nn.attention import KeysValues, Rotary
from talking_portrait_ros.nn.modulation import Modulation, TimeEmbedder
from talking_portrait_ros.nn.norm import RmsNorm


@dataclass(frozen=True)
class ReferenceMemory:
    """What a session keeps of its references.

    Attributes:
        keys_values: per transformer block, in place, [B, heads, M N, head].
        anchor: standardised latents of the first one, [B, C, h, w].
    """

    keys_values: tuple[KeysValues, ...]
    anchor: Tensor


@dataclass(frozen=True)
class Block:
    """A block of latent steps on its way: what `denoise` and `commit` take.

    Attributes:
        values: latents in the network's units, [B, S, C, h, w].
        t: time on the path of each step, [B, S]; 0 is clean.
        sound: from the `SoundEmbedder`, [B, S, sound_width].
        anchor: standardised latents that the values are differences from, [B, S, C, h, w].
        still: see `ReferenceMemory.anchor`.
        position: place of its first step in the window.
        has_first: its first step stands for the first frame of a session.
    """

    values: Tensor
    t: Tensor
    sound: Tensor
    anchor: Tensor
    still: Tensor
    position: int
    has_first: bool


class BlockFlow(nn.Module):
    """The transformer with its ways in and out."""

    latent_mean: Tensor
    latent_scale: Tensor
    change_scale: Tensor

    def __init__(self, config: BlockRectifiedFlowConfig) -> None:
        super().__init__()
        self.config = config
        width, n_token = config.width, config.latent_channels * config.patch**2
        self.sound = SoundEmbedder(config)
        n_anchor = n_token * (config.is_anchored + (config.anchor == "draft"))
        self.enter = nn.Linear(n_token + n_anchor + config.sound_width, width)
        self.enter_reference = nn.Linear(n_token, width)
        self.first_step = nn.Parameter(torch.zeros(width))
        self.no_sound = nn.Parameter(torch.zeros(config.sound_width))
        self.no_reference = nn.Parameter(torch.zeros(width))
        self.time = TimeEmbedder(width)
        is_shared = config.modulation == "shared"
        self.modulation = Modulation(width) if is_shared else None
        self.blocks = nn.ModuleList(
            FlowBlock(width, config.head_width, config.mlp_ratio, not is_shared)
            for _ in range(config.depth)
        )
        self.leave_norm = RmsNorm(width)
        self.leave_modulation = Modulation(width, 2)
        self.leave = nn.Linear(width, n_token)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        channels = config.latent_channels
        self.register_buffer("latent_mean", torch.zeros(channels))
        self.register_buffer("latent_scale", torch.ones(channels))
        self.register_buffer("change_scale", torch.ones(channels))

    # Units

    def standardised(self, latents: Tensor) -> Tensor:
        """Latents [..., C, h, w] of the VAE with mean 0 and spread 1 per channel."""
        return (latents - _planes(self.latent_mean)) / _planes(self.latent_scale)

    def inner(self, latents: Tensor, anchor: Tensor) -> Tensor:
        """Latents of the VAE in the network's units; both [B, S, C, h, w]."""
        values = self.standardised(latents)
        if not self.config.is_anchored:
            return values
        return (values - anchor) / _planes(self.change_scale)

    def outer(self, values: Tensor, anchor: Tensor) -> Tensor:
        """The inverse of `inner`."""
        if self.config.is_anchored:
            values = values * _planes(self.change_scale) + anchor
        return values * _planes(self.latent_scale) + _planes(self.latent_mean)

    # Verbs

    def read_references(self, latents: Tensor, is_null: Tensor | None = None) -> ReferenceMemory:
        """The memory of references [B, M, C, h, w].

        Where is_null [B] there is nothing of them but the anchor, which is but an origin.
        """
        standard = self.standardised(latents)
        tokens = self._reference_tokens(standard, is_null)
        rotary = self._reference_rotary(latents.shape[1], latents.device)
        clean = tokens.new_zeros(tokens.shape[:2])
        _, seen = self._streamed(tokens, clean, rotary, None)
        placed = tuple(KeysValues(rotary.turn(kv.keys), kv.values) for kv in seen)
        return ReferenceMemory(placed, standard[:, 0])

    def denoise(
        self, block: Block, context: Sequence[KeysValues]
    ) -> tuple[Tensor, list[KeysValues]]:
        """What the network says of a block: clean values or velocity, as `config.prediction`.

        Args:
            block: the noisy block.
            context: per transformer block the keys and values of references and past, in place.

        Returns:
            [B, S, C, h, w], and per transformer block its own keys and values without positions.
        """
        tokens, seen = self._read_block(block, context)
        return self._left(tokens, self.time(block.t)), seen

    def commit(self, block: Block, context: Sequence[KeysValues]) -> list[KeysValues]:
        """Keys and values of a finished block, without positions, [B, heads, S N, head]."""
        return self._read_block(block, context)[1]

    def teach(
        self, references: Tensor, clean: Block, noisy: Block, is_null: Tensor, block_steps: int
    ) -> Tensor:
        """What the network says of every noisy block of a clip (teacher forcing).

        Args:
            references: latents of the VAE, [B, M, C, h, w].
            clean: the history that is seen.
            noisy: the same steps with noise.
            is_null: samples that are to know nothing of the references, [B].
            block_steps: latent steps per block.

        Returns:
            As `denoise`, of the noisy steps.
        """
        n_references, n_steps = references.shape[1], clean.values.shape[1]
        known = self._reference_tokens(self.standardised(references), is_null)
        tokens = torch.cat([known, self._tokens(clean), self._tokens(noisy)], dim=1)
        t = torch.cat([clean.t.new_zeros(known.shape[:2]), clean.t, noisy.t], dim=1)
        config, device = self.config, tokens.device
        side = config.latent_size // config.patch
        steps = torch.arange(n_steps, device=device)
        own = video_rotary(steps, side, config.head_width)
        rotary = _joined(self._reference_rotary(n_references, device), own, own)
        mask = teaching_mask(n_references, n_steps, block_steps)
        mask = mask.repeat_interleave(config.tokens_per_step, 0)
        mask = mask.repeat_interleave(config.tokens_per_step, 1).to(device)

        def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return functional.scaled_dot_product_attention(rotary.turn(q), rotary.turn(k), v, mask)

        time = self.time(t)
        shared = self.modulation(time) if self.modulation is not None else None
        for block in self.blocks:
            tokens = block(tokens, time, shared, attend)
        return self._left(tokens[:, -n_steps:], time[:, -n_steps:])

    # Parts

    def _read_block(
        self, block: Block, context: Sequence[KeysValues]
    ) -> tuple[Tensor, list[KeysValues]]:
        n_steps, device = block.values.shape[1], block.values.device
        steps = torch.arange(block.position, block.position + n_steps, device=device)
        rotary = video_rotary(
            steps, self.config.latent_size // self.config.patch, self.config.head_width
        )
        return self._streamed(self._tokens(block), block.t, rotary, context)

    def _streamed(
        self, tokens: Tensor, t: Tensor, rotary: Rotary, context: Sequence[KeysValues] | None
    ) -> tuple[Tensor, list[KeysValues]]:
        """Through all blocks; tokens see each other and the context."""
        time = self.time(t)
        shared = self.modulation(time) if self.modulation is not None else None
        seen: list[KeysValues] = []

        def attend_with(known: KeysValues | None) -> Attend:
            def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
                seen.append(KeysValues(k, v))
                q, k = rotary.turn(q).to(v.dtype), rotary.turn(k).to(v.dtype)
                if known is not None:
                    k, v = torch.cat([known.keys, k], 2), torch.cat([known.values, v], 2)
                return functional.scaled_dot_product_attention(q, k, v)

            return attend

        for index, block in enumerate(self.blocks):
            known = context[index] if context is not None else None
            tokens = block(tokens, time, shared, attend_with(known))
        return tokens, seen

    def _tokens(self, block: Block) -> Tensor:
        """[B, S, N, width]."""
        values = [self._patched(block.values)]
        if self.config.is_anchored:
            values.append(self._patched(block.anchor))
        if self.config.anchor == "draft":
            values.append(self._patched(block.anchor - block.still[:, None]))
        sound = block.sound[:, :, None].expand(-1, -1, values[0].shape[2], -1)
        tokens: Tensor = self.enter(torch.cat([*values, sound], dim=-1))
        if block.has_first:
            first = functional.pad(self.first_step.expand(1, 1, 1, -1),
                                   (0, 0, 0, 0, 0, tokens.shape[1] - 1))  # fmt: skip
            tokens = tokens + first
        return tokens

    def _reference_tokens(self, standard: Tensor, is_null: Tensor | None) -> Tensor:
        tokens: Tensor = self.enter_reference(self._patched(standard))
        if is_null is None:
            return tokens
        return torch.where(is_null[:, None, None, None], self.no_reference, tokens)

    def _left(self, tokens: Tensor, time: Tensor) -> Tensor:
        """[B, S, N, width] -> [B, S, C, h, w]."""
        shift, scale = self.leave_modulation(time)[:, :, None].chunk(2, dim=-1)
        out: Tensor = self.leave(self.leave_norm(tokens) * (1 + scale) + shift)
        side, patch = self.config.latent_size // self.config.patch, self.config.patch
        cells = out.unflatten(-1, (patch, patch, -1)).unflatten(2, (side, side))
        b, s = cells.shape[:2]  # [B, S, side, side, patch, patch, C]
        planes: Tensor = cells.permute(0, 1, 6, 2, 4, 3, 5)
        return planes.reshape(b, s, -1, side * patch, side * patch)

    def _patched(self, planes: Tensor) -> Tensor:
        """[B, S, C, h, w] -> [B, S, N, patch patch C]."""
        patch = self.config.patch
        cells = planes.unflatten(-2, (-1, patch)).unflatten(-1, (-1, patch))
        tokens: Tensor = cells.permute(0, 1, 3, 5, 4, 6, 2).flatten(4).flatten(2, 3)
        return tokens

    def _reference_rotary(self, n: int, device: torch.device) -> Rotary:
        side = self.config.latent_size // self.config.patch
        return reference_rotary(n, side, self.config.head_width, device)


def _planes(channels: Tensor) -> Tensor:
    return channels[:, None, None]


def _joined(*parts: Rotary) -> Rotary:
    return Rotary(torch.cat([p.cos for p in parts]), torch.cat([p.sin for p in parts]))
