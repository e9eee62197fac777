"""The causal transformer: what has been done, and what is heard, to the condition of a frame.

Each block is attention to the frames before, what is heard now, the anchor, and an MLP. The seed
lets every frame attend to its one anchor token; attention to a single token is its value, whatever
the query, so the anchor is added here. This is the network as it is taught, on whole stretches;
`live_backbone.py` asks it frame by frame.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.nn.attention import Rotary
from talking_portrait_ros.nn.norm import RmsNorm

ROTARY_BASE = 1000.0  # windows have tens to hundreds of frames

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries, keys and values without positions -> what is seen, all [B, heads, T, head]."""


def rotary_speeds(head: int) -> Tensor:
    """Radians per frame of each pair of channels, [head / 2]; precise enough for hours."""
    return ROTARY_BASE ** (-torch.arange(head // 2, dtype=torch.float64) / (head // 2))


def frame_rotary(n: int, head: int, device: torch.device) -> Rotary:
    """Rotary positions of `n` frames."""
    angles = torch.arange(n, dtype=torch.float64)[:, None] * rotary_speeds(head)
    return Rotary(angles.cos().float().to(device), angles.sin().float().to(device))


class SelfAttention(nn.Module):
    """Pre-norm self-attention; who sees whom is the caller's affair."""

    def __init__(self, width: int, head: int) -> None:
        super().__init__()
        self.n_heads = width // head
        self.norm = RmsNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, attend: Attend) -> Tensor:
        """Tokens [B, T, C] and what they see."""
        heads = self.qkv(self.norm(x)).unflatten(-1, (3, self.n_heads, -1))
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # each [B, heads, T, head]
        seen = attend(q, k, v).transpose(1, 2).flatten(2)
        out: Tensor = self.out(seen)
        return x + out


class CausalBlock(nn.Module):
    """Attention, what is heard, the anchor, further attentions, MLP."""

    def __init__(self, config: ArFlowMatchingConfig) -> None:
        super().__init__()
        width = config.width
        self.attentions = nn.ModuleList(
            SelfAttention(width, config.head_width) for _ in range(config.attentions)
        )
        self.hear = nn.Linear(width, width)
        self.anchor = nn.Linear(width, width, bias=False)
        self.mlp_norm = RmsNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, config.mlp_ratio * width),
            nn.GELU(approximate="tanh"),
            nn.Linear(config.mlp_ratio * width, width),
        )

    def forward(self, x: Tensor, heard: Tensor, anchor: Tensor, attend: Attend) -> Tensor:
        """Tokens and what is heard [B, T, C], anchor [B, 1, C]."""
        x = self.attentions[0](x, attend)
        x = x + self.hear(heard) + self.anchor(anchor)
        for attention in self.attentions[1:]:
            x = attention(x, attend)
        out: Tensor = x + self.mlp(self.mlp_norm(x))
        return out


class Backbone(nn.Module):
    """Codes of the frames before and what is heard -> condition of each frame."""

    def __init__(self, config: ArFlowMatchingConfig) -> None:
        super().__init__()
        self.config = config
        self.enter = nn.Linear(config.codes, config.width)
        self.blocks = nn.ModuleList(CausalBlock(config) for _ in range(config.depth))
        self.norm = RmsNorm(config.width)

    def forward(self, before: Tensor, heard: Tensor, anchor: Tensor) -> Tensor:
        """Conditions [B, T, C] of a stretch of frames with no past.

        Args:
            before: code of the frame before each frame, [B, T, K].
            heard: what is heard in each frame, [B, T, C].
            anchor: [B, C].
        """
        x, anchor = self.enter(before) + heard, anchor[:, None]
        attend = self._attend(x.shape[1], x.device)
        for block in self.blocks:
            x = block(x, heard, anchor, attend)
        out: Tensor = self.norm(x)
        return out

    def _attend(self, n: int, device: torch.device) -> Attend:
        rotary = frame_rotary(n, self.config.head_width, device)
        ages = torch.arange(n, device=device)[:, None] - torch.arange(n, device=device)
        mask = (ages >= 0) & (ages < self.config.window_frames)

        def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return functional.scaled_dot_product_attention(rotary.turn(q), rotary.turn(k), v, mask)

        return attend
