"""Moves detail from the references to where the frame needs it, by a warp.

Coarse: optical flow between the linear path's pictures, one per latent step, in between
interpolated. Where a reference so moved looks unlike the linear path's picture of the frame it is
not to be believed: its share starts out falling with that difference. What the latents can tell
of the difference that is left is made up for, so that the result has the latents it was made from.
A network at level 0 refines flow and shares from each frame's features
beside the reference's details. Each reference is treated alike and apart, so that they stay a set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.chunks import U8
from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.optical_flow import coarse_coords, thumbnails
from talking_portrait_ros.nn.causal import CausalConv
from talking_portrait_ros.nn.memory import Memory, is_fresh

MOST_LOGIT = 4.0  # a share that is all but gone could not learn to come back
FINE_REACH = 0.05  # half picture sides per unit of the network's output
TRUST, DOUBT = 3.0, 60.0  # first logit of a reference, and how it falls with its difference
_LAST_COORDS = "warp: last coordinates"


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
    """Bilinear change of size of the last two dimensions of [..., C, h, w]."""
    if maps.shape[-2:] == (height, width):
        return maps
    flat = maps.flatten(0, -4)
    large = functional.interpolate(flat, size=(height, width), mode="bilinear")
    return large.unflatten(0, maps.shape[:-3])


def folded(pictures: Tensor, cell: int) -> Tensor:
    """Cells of pictures as channels: [B, T, h, w, 3] -> [B, T, h / c, w / c, c c 3]."""
    b, t, h, w, _ = pictures.shape
    cells = pictures.view(b, t, h // cell, cell, w // cell, cell, 3).transpose(3, 4)
    return cells.reshape(b, t, h // cell, w // cell, 3 * cell**2)


@dataclass(frozen=True)
class WarpSource:
    """What the warp needs of M references, computed once per session.

    Attributes:
        thumbnails: grey, [B, M, side, side].
        pictures: the linear path's pictures, [B, M, 3, h1, w1].
        small: the references themselves as small as these.
        details: features at level 0, [B, M, C, h0, w0].
    """

    thumbnails: U8
    pictures: Tensor
    small: Tensor
    details: Tensor


@dataclass(frozen=True)
class Warp:
    """Where each frame looks in each reference.

    Attributes:
        coords: x and y in -1..1, as fine as the linear path's pictures, [B, T, M, 2, h1, w1].
        weights: share of each reference, and last of the frame's own paint; sum 1,
            [B, T, M + 1, h0, w0].
        details: the references' details, moved and mixed, [B, T, h0, w0, C].
        soft: the linear path's share of the picture: what the references leave to it, and what
            it knows better than they, [B, T, h1, w1, 3].
    """

    coords: Tensor
    weights: Tensor
    details: Tensor
    soft: Tensor


class Warper(nn.Module):
    """Predicts the warps of one frame from all references."""

    def __init__(self, config: ReferenceVaeConfig) -> None:
        super().__init__()
        detail = config.warp_width
        self.time_factor = config.time_factor
        self.cell = config.patch // config.base_stride
        self.details = CausalConv(config.widths[0], detail, 1)
        self.own = CausalConv(config.decoder_widths[0], detail, 1)
        self.join = CausalConv(2 * detail + config.base_channels, detail, 3)
        self.head = CausalConv(detail, 3, 3)
        for weight in self.head.parameters():
            nn.init.zeros_(weight)
        self.belief = nn.Parameter(torch.tensor([1.0, 1.0]))  # in units of TRUST and DOUBT

    def read(self, base: Tensor, features: Tensor, pictures: Tensor) -> WarpSource:
        """From the references' linear path [B, M, h1, w1, 3], level 0 and pictures."""
        details = self.details(features).permute(0, 1, 4, 2, 3)  # its memory is channels-last
        stride = pictures.shape[-1] // base.shape[-2]
        small = functional.avg_pool2d(pictures.flatten(0, 1), stride)
        small = small.contiguous(memory_format=torch.channels_last)
        small = small.unflatten(0, pictures.shape[:2])
        return WarpSource(thumbnails(base), base.permute(0, 1, 4, 2, 3), small, details)

    def forward(
        self,
        frames: Tensor,
        base: Tensor,
        source: WarpSource,
        told: Callable[[Tensor], Tensor],
        memory: Memory | None,
    ) -> Warp:
        """The warps, from level 0 [B, T, h0, w0, C] and the linear path [B, T, h1, w1, 3].

        `told` gives the part of a difference between small pictures that latents can tell of.
        """
        height, width = base.shape[2:4]
        coarse = self._coarse(base, source, memory)
        moved = look_up(source.details, enlarge(coarse, *frames.shape[2:4]))
        fine = self._fine(frames, moved, self._difference(base, source, coarse))
        coords = coarse + FINE_REACH * enlarge(fine[:, :, :, :2], height, width)
        difference = self._difference(base, source, coords)  # [B, T, M, h1, w1, 3]
        weights = self._shares(difference, fine[:, :, :, 2])
        soft = self._soft(base, look_up(source.small, coords), weights, told)
        return Warp(coords, weights, mixed(moved, weights), soft)

    def _coarse(self, base: Tensor, source: WarpSource, memory: Memory | None) -> Tensor:
        """Flow to the key of each step, [B, T, M, 2, h1, w1]; in between on the straight line."""
        fresh = is_fresh(memory)
        keys = base[:, 0 if fresh else self.time_factor - 1 :: self.time_factor]
        coords = coarse_coords(thumbnails(keys), source.thumbnails, base)
        coords = enlarge(coords, *base.shape[2:4])  # [B, T_z, M, 2, h1, w1]
        known = [coords[:, :0]] if fresh or memory is None else [memory.recent[_LAST_COORDS]]
        if memory is not None:
            memory.recent[_LAST_COORDS] = coords[:, -1:].clone()
        line = torch.cat([*known, coords], dim=1)
        share = torch.arange(1, self.time_factor + 1, device=base.device) / self.time_factor
        share = share.to(base.dtype).view(1, 1, -1, 1, 1, 1, 1)
        steps = torch.lerp(line[:, :-1, None], line[:, 1:, None], share).flatten(1, 2)
        return torch.cat([coords[:, :1], steps], dim=1) if fresh else steps

    @staticmethod
    def _difference(base: Tensor, source: WarpSource, coords: Tensor) -> Tensor:
        """The frame's linear picture less each reference's, moved: [B, T, M, h1, w1, 3]."""
        return base[:, :, None] - look_up(source.pictures, coords)

    def _fine(self, frames: Tensor, moved: Tensor, difference: Tensor) -> Tensor:
        """The network's opinion on x, y and share, [B, T, M, 3, h0, w0]."""
        n_references = moved.shape[2]
        own = self.own(frames)[:, :, None].expand_as(moved)  # [B, T, M, h0, w0, C]
        cells = folded(difference.flatten(1, 2), self.cell).unflatten(1, moved.shape[1:3])
        seen = torch.cat([own, moved, cells], dim=-1).flatten(1, 2)
        hidden = functional.silu(self.join(seen))
        return self.head(hidden).unflatten(1, (-1, n_references)).permute(0, 1, 2, 5, 3, 4)

    def _shares(self, difference: Tensor, opinion: Tensor) -> Tensor:
        """Shares of the references and of the own paint, [B, T, M + 1, h0, w0]."""
        size = difference.abs().mean(dim=-1)  # [B, T, M, h1, w1]
        size = _smoothed(functional.avg_pool2d(size.flatten(0, 1), self.cell), 3)
        size = size.unflatten(0, difference.shape[:2])
        trust, doubt = TRUST * self.belief[0], DOUBT * self.belief[1]
        opinion = MOST_LOGIT * torch.tanh(opinion / MOST_LOGIT)
        return functional.pad(trust - doubt * size + opinion, (0, 0, 0, 0, 0, 1)).softmax(dim=2)

    @staticmethod
    def _soft(
        base: Tensor, moved: Tensor, weights: Tensor, told: Callable[[Tensor], Tensor]
    ) -> Tensor:
        shares = enlarge(weights, *base.shape[2:4])
        own = shares[:, :, -1, ..., None] * base
        return own + told(base - own - mixed(moved, shares))


def _smoothed(maps: Tensor, size: int) -> Tensor:
    """Means over size x size positions of [N, C, h, w]."""
    return functional.avg_pool2d(maps, size, 1, size // 2, count_include_pad=False)
