"""The decoder: latents and references in, frames out (D1, the fusion, D2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.warp import (
    Warp,
    Warper,
    WarpSource,
    look_up,
    mixed,
)
from talking_portrait_ros.nn.attention import KeysValues, ReferenceBlock, picture_rotary
from talking_portrait_ros.nn.causal import CausalConv, ResidualBlock, ResidualStack
from talking_portrait_ros.nn.memory import Memory
from talking_portrait_ros.nn.resampling import Up, repeat_steps


@dataclass(frozen=True)
class ReferenceCache:
    """What the decoder keeps of the references for a whole session; empty for none.

    Attributes:
        keys_values: per block of the fusion.
        warp: for the warper; None without one.
        pictures: the references, [B, M, 3, H, W] 0..1.
        small: the same at level 0, [B, M, 3, h0, w0].
    """

    keys_values: tuple[KeysValues, ...]
    warp: WarpSource | None
    pictures: Tensor | None
    small: Tensor | None


@dataclass(frozen=True)
class Painting:
    """What the decoder makes of latents; `compositing` joins it with the references.

    Attributes:
        paint: the frames' own part, about 0..1, [B, T, H, W, 3].
        warp: where the rest comes from; None without references or without a warper.
        base: the linear path's picture of each step, [B, T_z, h0, w0, n n 3]; None without one.
    """

    paint: Tensor
    warp: Warp | None
    base: Tensor | None


class Decoder(nn.Module):
    """All levels of the decoder."""

    def __init__(self, config: ReferenceVaeConfig) -> None:
        super().__init__()
        self.config = config
        widths, level = config.decoder_widths, config.fusion_level
        strides = [config.patch * 2**index for index in range(len(widths))]
        self.enter = CausalConv(config.latent_channels, widths[-1], 3)
        self.levels = nn.ModuleList(
            ResidualStack(ResidualBlock(width, kernel, stride) for _ in range(n_blocks))
            for width, kernel, stride, n_blocks in zip(
                widths, config.time_kernels, strides, config.decoder_blocks, strict=True
            )
        )
        self.ups = nn.ModuleList(
            Up(n_in, n_out, time, config.resampling_kernel, config.resampling)
            for n_out, n_in, time in zip(widths, widths[1:], config.up_times, strict=False)
        )
        self.fusion = nn.ModuleList(
            ReferenceBlock(
                widths[level], config.widths[level], config.fusion_head, config.fusion_mlp_ratio
            )
            for _ in range(config.fusion_blocks)
        )
        detail = config.warp_width
        self.warper = Warper(config) if detail else None
        n_given = detail + 3 if detail else 0
        n_base, hidden = config.base_channels, config.paint_width
        self.paint = CausalConv(widths[0] + n_given + n_base, hidden, 3)
        self.leave = CausalConv(hidden + n_base, 3 * config.patch**2, 1)
        self._begin_as_base()

    @torch.no_grad()
    def _begin_as_base(self) -> None:
        """Let the paint begin as the linear path's picture, or else as mid-grey."""
        conv, patch, stride = self.leave.conv, self.config.patch, self.config.base_stride
        if not stride:
            conv.bias.fill_(0.5)  # type: ignore[union-attr]
            return
        conv.weight.zero_()
        conv.bias.zero_()  # type: ignore[union-attr]
        numbers = conv.weight.view(patch, patch, 3, -1)  # from which channels each pixel comes
        own = numbers[..., -self.config.base_channels :].unflatten(-1, (-1, patch // stride, 3))
        for y in range(patch):
            for x in range(patch):
                for colour in range(3):
                    own[y, x, colour, y // stride, x // stride, colour] = 1

    def read(
        self, features: list[Tensor], base: Tensor | None, pictures: Tensor
    ) -> ReferenceCache:
        """The cache of references, from encoder features, linear path, and pictures."""
        coarse = features[self.config.fusion_level]
        height, width = coarse.shape[2:4]
        rotary = picture_rotary(height, width, self.config.fusion_head, coarse.device)
        tokens = coarse.flatten(2, 3)
        blocks = [block for block in self.fusion if isinstance(block, ReferenceBlock)]
        pairs = tuple(block.read(tokens, rotary) for block in blocks)
        if self.warper is None or base is None:
            return ReferenceCache(pairs, None, None, None)
        small = functional.avg_pool2d(pictures.flatten(0, 1), self.config.patch)
        source = self.warper.read(base, features[0])
        return ReferenceCache(pairs, source, pictures, small.unflatten(0, pictures.shape[:2]))

    def forward(
        self,
        latents: Tensor,
        base: Tensor | None,
        references: ReferenceCache,
        memory: Memory | None = None,
    ) -> Painting:
        """The painting of latents [B, T_z, h, w, C]; `base`: linear path's picture per step."""
        fresh = memory is None or memory.fresh
        x = self._through(self.enter(latents), memory, len(self.levels) - 1, fresh)
        fused = self._fuse(x, references)
        x = self.levels[self.config.fusion_level](fused, memory)
        for level in range(self.config.fusion_level - 1, -1, -1):
            x = self.levels[level](self.ups[level](x, fresh), memory)
        warp = self._warp(x, base, references, fresh)
        return Painting(self._paint(x, base, warp, references, fresh), warp, base)

    def _through(self, x: Tensor, memory: Memory | None, top: int, fresh: bool) -> Tensor:
        """D1: from the deepest level to the one of the fusion."""
        for level in range(top, self.config.fusion_level, -1):
            x = self.ups[level - 1](self.levels[level](x, memory), fresh)
        return x

    def _fuse(self, x: Tensor, references: ReferenceCache) -> Tensor:
        height, width = x.shape[2:4]
        rotary = picture_rotary(height, width, self.config.fusion_head, x.device)
        tokens = x.flatten(2, 3)
        pairs = references.keys_values or (None,) * len(self.fusion)
        for block, pair in zip(self.fusion, pairs, strict=True):
            tokens = block(tokens, pair, rotary)
        return tokens.unflatten(2, (height, width))

    def _warp(
        self, x: Tensor, base: Tensor | None, references: ReferenceCache, fresh: bool
    ) -> Warp | None:
        if self.warper is None or base is None or references.warp is None:
            return None
        warp: Warp = self.warper(x, base, references.warp, fresh)
        return warp

    def _paint(
        self,
        x: Tensor,
        base: Tensor | None,
        warp: Warp | None,
        references: ReferenceCache,
        fresh: bool,
    ) -> Tensor:
        """Level 0 features to the frames' own part of the pictures, [B, T, H, W, 3]."""
        parts = [x]
        if self.warper is not None:
            parts += self._given(x, warp, references)
        if base is not None:
            base = repeat_steps(base, self.config.time_factor, fresh)  # [B, T, h0, w0, C]
            parts.append(base if warp is None else warp.weights[:, :, -1, :, :, None] * base)
        hidden = functional.silu(self.paint(torch.cat(parts, dim=-1)))
        if base is not None:
            hidden = torch.cat([hidden, parts[-1]], dim=-1)
        return unfold_patches(self.leave(hidden), self.config.patch)

    def _given(self, x: Tensor, warp: Warp | None, references: ReferenceCache) -> list[Tensor]:
        """What the painter sees of the references: their details and their colours."""
        if warp is None or references.small is None:
            return [x.new_zeros(*x.shape[:-1], self.config.warp_width + 3)]
        return [warp.details, mixed(look_up(references.small, warp.coords), warp.weights)]


def unfold_patches(numbers: Tensor, patch: int) -> Tensor:
    """Pictures [B, T, H, W, 3] of positions [B, T, H/p, W/p, p p 3], colour fastest."""
    b, t, h, w, _ = numbers.shape
    cells = numbers.view(b, t, h, w, patch, patch, 3).transpose(3, 4)
    return cells.reshape(b, t, h * patch, w * patch, 3)
