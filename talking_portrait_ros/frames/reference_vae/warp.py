"""Moves detail from the references to where the frame needs it, by a predicted warp.

Coarse: by optical flow between thumbnails, one per latent step. Fine: by a network at level 0,
from each frame's features beside the reference's details as the coarse warp has moved them. Each
reference is treated alike and apart, so that they stay a set.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.chunks import U8
from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.optical_flow import SIDE, coarse_coords, thumbnails
from talking_portrait_ros.nn.causal import CausalConv
from talking_portrait_ros.nn.resampling import repeat_steps

MOST_LOGIT = 4.0  # a share that is all but gone could not learn to come back
FINE_REACH = 0.05  # half picture sides per unit of the network's output


def _thumbnails(base: Tensor) -> U8:
    """Thumbnails [B, T, 64, 64] of the linear path's pictures [B, T, h0, w0, n 3]."""
    colours = base.flatten(0, 1).unflatten(-1, (-1, 3)).mean(dim=-2)  # [B T, h0, w0, 3]
    return thumbnails(colours).reshape(*base.shape[:2], SIDE, SIDE)


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


@dataclass(frozen=True)
class WarpSource:
    """What the warp needs of M references, computed once per session.

    Attributes:
        thumbnails: grey, [B, M, 64, 64].
        details: features at level 0, [B, M, C, h0, w0].
    """

    thumbnails: U8
    details: Tensor


@dataclass(frozen=True)
class Warp:
    """Where each frame looks in each reference.

    Attributes:
        coords: x and y in -1..1 at level 0, [B, T, M, 2, h0, w0].
        weights: share of each reference, and last of the frame's own paint; sum 1,
            [B, T, M + 1, h0, w0].
        details: the references' details, moved and mixed, [B, T, h0, w0, C].
    """

    coords: Tensor
    weights: Tensor
    details: Tensor


class Warper(nn.Module):
    """Predicts the warps of one frame from all references."""

    def __init__(self, config: ReferenceVaeConfig) -> None:
        super().__init__()
        detail = config.warp_width
        self.time_factor = config.time_factor
        self.details = CausalConv(config.widths[0], detail, 1)
        self.own = CausalConv(config.decoder_widths[0], detail, 1)
        self.join = CausalConv(2 * detail, detail, 3)
        self.head = CausalConv(detail, 3, 3)
        for weight in self.head.parameters():
            nn.init.zeros_(weight)

    def read(self, base: Tensor, features: Tensor) -> WarpSource:
        """From the references' linear path [B, M, h0, w0, n 3] and level 0 [B, M, h0, w0, C]."""
        details = self.details(features).permute(0, 1, 4, 2, 3)  # its memory is channels-last
        return WarpSource(_thumbnails(base), details)

    def forward(self, frames: Tensor, base: Tensor, source: WarpSource, fresh: bool) -> Warp:
        """The warps, from level 0 [B, T, h0, w0, C] and the linear path [B, T_z, h0, w0, n 3]."""
        height, width = frames.shape[2:4]
        coarse = coarse_coords(_thumbnails(base), source.thumbnails, frames)
        coarse = repeat_steps(coarse, self.time_factor, fresh)  # [B, T, M, 2, 64, 64]
        coords = enlarge(coarse, height, width)
        moved = look_up(source.details, coords)  # [B, T, M, h0, w0, C]
        own = self.own(frames)  # [B, T, h0, w0, C]
        fine = self._refine(own, moved)  # [B, T, M, 3, h0, w0]
        coords = coords + FINE_REACH * fine[:, :, :, :2]
        logits = 1 + MOST_LOGIT * torch.tanh(fine[:, :, :, 2] / MOST_LOGIT)
        weights = functional.pad(logits, (0, 0, 0, 0, 0, 1)).softmax(dim=2)
        return Warp(coords, weights, mixed(moved, weights))

    def _refine(self, own: Tensor, moved: Tensor) -> Tensor:
        n_references = moved.shape[2]
        both = torch.cat([own[:, :, None].expand_as(moved), moved], dim=-1)
        hidden = functional.silu(self.join(both.flatten(1, 2)))
        fine = self.head(hidden).unflatten(1, (-1, n_references))
        return fine.permute(0, 1, 2, 5, 3, 4)
