"""Coarse warps by way of common coordinates: each picture says where in the portrait it is.

A warp from a frame to a reference is hard to learn from pixels alone. What each of the two shows
where, in coordinates of the person's portrait, is easy to learn and known exactly in the corpus.
The warp follows by inversion: the place in the reference that says the same as the frame.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.nn.attention import ReferenceBlock, picture_rotary
from talking_portrait_ros.nn.resampling import unfold_space, unfold_time

WIDTH, HEAD, N_BLOCKS = 128, 32, 2
REACH = 0.5  # half picture sides per unit of the network's output
_N_ROUNDS = 6
_DAMPING = 0.9


class Locator(nn.Module):
    """Reads from latents where in the portrait each position of a frame lies."""

    def __init__(self, config: ReferenceVaeConfig) -> None:
        super().__init__()
        self.time_factor = config.time_factor
        self.enter = nn.Linear(config.latent_channels + 2, WIDTH)
        self.blocks = nn.ModuleList(ReferenceBlock(WIDTH, 0, HEAD, 2) for _ in range(N_BLOCKS))
        self.leave = nn.Linear(WIDTH, 4 * 2 * self.time_factor)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, latents: Tensor, fresh: bool) -> Tensor:
        """Coordinates x, y in -1..1 of latents [B, T_z, h, w, C], [B, T, 2, 2 h, 2 w]."""
        height, width = latents.shape[2:4]
        own = own_coords(height, width, latents).permute(1, 2, 0).expand(*latents.shape[:-1], 2)
        tokens = self.enter(torch.cat([latents, own], dim=-1)).flatten(2, 3)
        rotary = picture_rotary(height, width, HEAD, latents.device)
        for block in self.blocks:
            tokens = block(tokens, None, rotary)
        folded = unfold_space(self.leave(tokens).unflatten(2, (height, width)))
        shifts = unfold_time(folded, self.time_factor, fresh).permute(0, 1, 4, 2, 3)
        return own_coords(2 * height, 2 * width, latents) + REACH * shifts


def own_coords(height: int, width: int, like: Tensor) -> Tensor:
    """Where each position is itself: [2, H, W], x and y in -1..1."""
    y = (torch.arange(height, device=like.device, dtype=like.dtype) + 0.5) * (2 / height) - 1
    x = (torch.arange(width, device=like.device, dtype=like.dtype) + 0.5) * (2 / width) - 1
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)])


def where_same(wanted: Tensor, places: Tensor) -> Tensor:
    """Where in each reference the same place of the portrait is.

    Args:
        wanted: places of the frames, [B, T, 2, h, w].
        places: those of the references, [B, M, 2, h, w].

    Returns:
        Coordinates in the references, [B, T, M, 2, h, w], by a damped fixed-point iteration;
        beyond the border the reference goes on with slope 1.
    """
    (b, t), m = wanted.shape[:2], places.shape[1]
    goal = wanted[:, :, None].expand(b, t, m, *wanted.shape[2:]).flatten(0, 2)
    known = places[:, None].expand(b, t, *places.shape[1:]).flatten(0, 2)
    at = goal
    for _ in range(_N_ROUNDS):
        at = at + _DAMPING * (goal - _extended(known, at))
    return at.unflatten(0, (b, t, m))


def _extended(places: Tensor, at: Tensor) -> Tensor:
    """Places [N, 2, h, w] looked up at coordinates [N, 2, h, w]."""
    height, width = places.shape[-2:]
    last = at.new_tensor([1 - 1 / width, 1 - 1 / height]).view(2, 1, 1)  # the outermost centres
    inside = at.clamp(-last, last)
    found = functional.grid_sample(places, inside.permute(0, 2, 3, 1), align_corners=False)
    return found + at - inside
