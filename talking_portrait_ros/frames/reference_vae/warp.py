"""Moves detail from the references to where the frame needs it, by a predicted warp.

Coarse: from the fused features and the reference's own, at the level of the fusion. Fine: at
level 1, from the frame's features beside the reference's details as the coarse warp has moved
them. Each reference is treated alike and apart, so that they stay a set.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.nn.causal import CausalConv, ResidualBlock
from talking_portrait_ros.nn.resampling import unfold_time

COARSE_REACH = 0.2  # half picture sides per unit of the heads' output
FINE_REACH = 0.05


def look_up(pictures: Tensor, coords: Tensor) -> Tensor:
    """Sample [B, M, C, h, w] at coords [B, T, M, 2, H, W] (x, y in -1..1): [B, T, M, H, W, C].

    Fast for pictures whose memory is channels-last.
    """
    b, t, m, _, h, w = coords.shape
    source = pictures[:, None].expand(b, t, *pictures.shape[1:]).flatten(0, 2)
    grid = coords.flatten(0, 2).permute(0, 2, 3, 1)
    found = functional.grid_sample(source, grid, padding_mode="border", align_corners=False)
    return found.permute(0, 2, 3, 1).unflatten(0, (b, t, m))


def mixed(parts: Tensor, weights: Tensor) -> Tensor:
    """The sum of parts [B, T, M, H, W, C], each by its weight [B, T, M (+ 1), H, W]."""
    total = parts[:, :, 0] * weights[:, :, 0, ..., None]
    for index in range(1, parts.shape[2]):
        total = torch.addcmul(total, parts[:, :, index], weights[:, :, index, ..., None])
    return total


def enlarge(maps: Tensor, height: int, width: int) -> Tensor:
    """Bilinear enlargement of the last two dimensions of [..., C, h, w]."""
    flat = maps.flatten(0, -4)
    large = functional.interpolate(flat, size=(height, width), mode="bilinear")
    return large.unflatten(0, maps.shape[:-3])


def own_coords(height: int, width: int, like: Tensor) -> Tensor:
    """Where each position is itself: [2, H, W], x and y in -1..1."""
    y = (torch.arange(height, device=like.device, dtype=like.dtype) + 0.5) * (2 / height) - 1
    x = (torch.arange(width, device=like.device, dtype=like.dtype) + 0.5) * (2 / width) - 1
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)])


@dataclass(frozen=True)
class WarpSource:
    """What the warp needs of M references, computed once per session.

    Attributes:
        coarse: their part of the coarse predictor's first layer, [B, M, h, w, C].
        details: features at level 1, [B, M, C, h1, w1].
    """

    coarse: Tensor
    details: Tensor


@dataclass(frozen=True)
class Warp:
    """Where each frame looks in each reference.

    Attributes:
        coords: x and y in -1..1 at level 1, [B, T, M, 2, h1, w1].
        weights: share of each reference, and last of the frame's own paint; sum 1,
            [B, T, M + 1, h1, w1].
        details: the frame's own features beside the references' details, moved and mixed,
            [B, T, h1, w1, 2 C].
    """

    coords: Tensor
    weights: Tensor
    details: Tensor


class Warper(nn.Module):
    """Predicts the warps of one frame from all references."""

    def __init__(self, config: ReferenceVaeConfig) -> None:
        super().__init__()
        level, detail = config.fusion_level, config.warp_width
        width, own = config.widths[level], config.decoder_widths[level]
        hidden = max(8, 2 * own // 3)
        self.time_factor = config.time_factor
        self.coarse_own = CausalConv(own, hidden, 3)
        self.coarse_reference = CausalConv(width, hidden, 3)
        self.coarse_block = ResidualBlock(hidden)
        self.coarse_head = CausalConv(hidden, self.time_factor * 3, 3)
        self.details = CausalConv(config.widths[1], detail, 1)
        self.fine_own = CausalConv(config.decoder_widths[1], detail, 1)
        self.fine_join = CausalConv(2 * detail, detail, 3)
        self.fine_head = CausalConv(detail, 3, 3)
        for head in (self.coarse_head, self.fine_head):
            nn.init.zeros_(head.conv.weight)
            nn.init.zeros_(head.conv.bias)

    def read(self, coarse: Tensor, details: Tensor) -> WarpSource:
        """From reference features of the fusion level and of level 1, each [B, M, h, w, C]."""
        moved = self.details(details).permute(0, 1, 4, 2, 3)  # its memory is channels-last
        return WarpSource(self.coarse_reference(coarse), moved)

    def coarse(self, fused: Tensor, source: WarpSource, fresh: bool) -> Tensor:
        """Shift x, y and log weight, [B, T, M, 3, h, w], from fused features [B, T_z, h, w, C]."""
        n_batch, n_references = source.coarse.shape[:2]
        own = self.coarse_own(fused)  # [B, T_z, h, w, hidden]
        pairs = own[:, :, None] + source.coarse[:, None]
        hidden = functional.silu(pairs.transpose(1, 2).flatten(0, 1))  # [B M, T_z, ...]
        folded = self.coarse_head(self.coarse_block(hidden))
        shifts = unfold_time(folded, self.time_factor, fresh)  # [B M, T, h, w, 3]
        return shifts.unflatten(0, (n_batch, n_references)).permute(0, 2, 1, 5, 3, 4)

    def forward(self, frames: Tensor, coarse: Tensor, source: WarpSource) -> Warp:
        """The warps, from level 1 features [B, T, h1, w1, C] and what `coarse` gave."""
        height, width = frames.shape[2:4]
        large = enlarge(coarse, height, width)  # [B, T, M, 3, h1, w1]
        coords = own_coords(height, width, frames) + COARSE_REACH * large[:, :, :, :2]
        moved = look_up(source.details, coords)  # [B, T, M, h1, w1, C]
        own = self.fine_own(frames)  # [B, T, h1, w1, C]
        fine = self._refine(own, moved)
        coords = coords + FINE_REACH * fine[:, :, :, :2]
        logits = 1 + large[:, :, :, 2] + fine[:, :, :, 2]
        weights = functional.pad(logits, (0, 0, 0, 0, 0, 1)).softmax(dim=2)
        details = torch.cat([own, mixed(moved, weights)], dim=-1)
        return Warp(coords, weights, details)

    def without(self, frames: Tensor) -> Tensor:
        """What `Warp.details` is where there are no references."""
        own = self.fine_own(frames)
        return torch.cat([own, torch.zeros_like(own)], dim=-1)

    def _refine(self, own: Tensor, moved: Tensor) -> Tensor:
        n_references = moved.shape[2]
        both = torch.cat([own[:, :, None].expand_as(moved), moved], dim=-1)
        hidden = functional.silu(self.fine_join(both.flatten(1, 2)))
        fine = self.fine_head(hidden).unflatten(1, (-1, n_references))
        return fine.permute(0, 1, 2, 5, 3, 4)  # type: ignore[no-any-return]
