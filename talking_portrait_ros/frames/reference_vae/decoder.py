"""The decoder: latents and references in, frames out (D1, the fusion, D2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.warp import (
    Warp,
    Warper,
    WarpSource,
    folded,
)
from talking_portrait_ros.nn.attention import KeysValues, ReferenceBlock, picture_rotary
from talking_portrait_ros.nn.causal import CausalConv, ResidualBlock, ResidualStack
from talking_portrait_ros.nn.memory import Memory, is_fresh
from talking_portrait_ros.nn.resampling import Up


@dataclass(frozen=True)
class ReferenceCache:
    """What the decoder keeps of the references for a whole session; empty for none.

    Attributes:
        keys_values: per block of the fusion.
        warp: for the warper; None without one.
        pictures: the references, [B, M, 3, H, W] 0..1.
    """

    keys_values: tuple[KeysValues, ...]
    warp: WarpSource | None
    pictures: Tensor | None


@dataclass(frozen=True)
class Painting:
    """What the decoder makes of latents; `compositing` joins it with the references.

    The picture is `paint` and `soft`, enlarged, plus what the warp takes from the references.

    Attributes:
        paint: the frames' own part, [B, T, H / p, W / p, 3].
        soft: the linear path's part, [B, T, h1, w1, 3]; None without a linear path.
        warp: where the rest comes from; None without references or without a warper.
        base: the linear path's picture of each frame, as `soft`.
    """

    paint: Tensor
    soft: Tensor | None
    warp: Warp | None
    base: Tensor | None

    def only(self, frames: NDArray[np.intp]) -> Painting:
        """Those frames alone; a copy only where they are not neighbours."""
        at: slice | Tensor = torch.from_numpy(frames)
        if len(frames) and frames[-1] - frames[0] == len(frames) - 1:
            at = slice(frames[0], frames[-1] + 1)
        warp = self.warp
        return Painting(
            self.paint[:, at],
            None if self.soft is None else self.soft[:, at],
            None if warp is None else Warp(*(part[:, at] for part in vars(warp).values())),
            None if self.base is None else self.base[:, at],
        )


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
        n_given, hidden = detail + 2 * config.base_channels, config.paint_width
        self.paint = CausalConv(widths[0] + n_given, hidden, 3)
        self.painted = config.patch // config.paint_stride
        self.leave = CausalConv(hidden, 3 * self.painted**2, 1)
        self._begin_without_paint()

    @torch.no_grad()
    def _begin_without_paint(self) -> None:
        """Begin with the linear path's picture alone, or without one as mid-grey."""
        has_base = bool(self.config.base_stride)
        if has_base:
            self.leave.conv.weight.zero_()
        self.leave.conv.bias.fill_(0.0 if has_base else 0.5)  # type: ignore[union-attr]

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
            return ReferenceCache(pairs, None, None)
        return ReferenceCache(pairs, self.warper.read(base, features[0], pictures), pictures)

    def forward(
        self,
        latents: Tensor,
        base: Tensor | None,
        references: ReferenceCache,
        told: Callable[[Tensor], Tensor],
        memory: Memory | None = None,
    ) -> Painting:
        """The painting of latents [B, T_z, h, w, C].

        `base` is the linear path's picture per frame, `told` what latents can tell of a
        difference (see `Warper`).
        """
        fresh = is_fresh(memory)
        x = self._through(self.enter(latents), memory, len(self.levels) - 1, fresh)
        fused = self._fuse(x, references)
        x = self.levels[self.config.fusion_level](fused, memory)
        for level in range(self.config.fusion_level - 1, -1, -1):
            x = self.levels[level](self.ups[level](x, fresh), memory)
        warp = None
        if self.warper is not None and base is not None and references.warp is not None:
            warp = self.warper(x, base, references.warp, told, memory)
        soft = base if warp is None else warp.soft
        return Painting(self._paint(x, base, soft, warp), soft, warp, base)

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

    def _paint(
        self, x: Tensor, base: Tensor | None, soft: Tensor | None, warp: Warp | None
    ) -> Tensor:
        """Level 0 features to the frames' own part of the pictures, [B, T, H / p, W / p, 3]."""
        parts = [x]
        if self.warper is not None:
            none = x.new_zeros(*x.shape[:-1], self.config.warp_width)
            parts.append(none if warp is None else warp.details)
        if base is not None and soft is not None:
            cell = self.config.patch // self.config.base_stride
            parts += [folded(base, cell), folded(soft, cell)]
        hidden = functional.silu(self.paint(torch.cat(parts, dim=-1)))
        return unfold_patches(self.leave(hidden), self.painted)


def unfold_patches(numbers: Tensor, patch: int) -> Tensor:
    """Pictures [B, T, H, W, 3] of positions [B, T, H/p, W/p, p p 3], colour fastest."""
    b, t, h, w, _ = numbers.shape
    cells = numbers.view(b, t, h, w, patch, patch, 3).transpose(3, 4)
    return cells.reshape(b, t, h * patch, w * patch, 3)
