"""The causal transformer: what has been done, and what is heard, to the condition of a frame.

Each block is attention to the frames before, what is heard now, the anchor, and an MLP. The seed
lets every frame attend to its one anchor token; attention to a single token is its value, whatever
the query, so the anchor is added here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.nn.attention import Rotary
from talking_portrait_ros.nn.norm import RmsNorm

ROTARY_BASE = 1000.0  # windows have tens to hundreds of frames

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries, keys and values without positions -> what is seen, all [B, heads, T, head]."""


def frame_rotary(first: int, n: int, head: int, device: torch.device) -> Rotary:
    """Rotary positions of frames `first`.. of a session, exact for hours."""
    speeds = ROTARY_BASE ** (-torch.arange(head // 2, dtype=torch.float64) / (head // 2))
    angles = torch.arange(first, first + n, dtype=torch.float64)[:, None] * speeds
    return Rotary(angles.cos().float().to(device), angles.sin().float().to(device))


@dataclass
class FrameRing:
    """Keys (already turned to their places) and values of the newest frames, allocated once.

    Rotary positions make a key know its place, so the slots need no order and nothing is ever
    computed again.

    Attributes:
        keys: [attentions, B, heads, window, head].
        values: the same shape.
        frame: frame of the session that comes next.
    """

    keys: Tensor
    values: Tensor
    frame: int = 0

    @classmethod
    def empty(cls, config: ArFlowMatchingConfig, n_rows: int, like: Tensor) -> FrameRing:
        """A ring for `n_rows` streams, with the type and device of `like`."""
        n_attentions = config.depth * config.attentions
        shape = (n_attentions, n_rows, config.n_heads, config.window_frames, config.head_width)
        return cls(like.new_zeros(shape), like.new_zeros(shape))

    def attend(self, index: int, rotary: Rotary) -> Attend:
        """How the frame `frame` looks back in attention `index`; it joins the ring."""
        window = self.keys.shape[3]
        slot, n_seen = self.frame % window, min(self.frame + 1, window)
        keys, values = self.keys[index], self.values[index]

        def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            keys[:, :, slot : slot + 1] = rotary.turn(k)
            values[:, :, slot : slot + 1] = v
            return functional.scaled_dot_product_attention(
                rotary.turn(q), keys[:, :, :n_seen], values[:, :, :n_seen]
            )

        return attend


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

    def forward(self, x: Tensor, heard: Tensor, anchor: Tensor, attends: list[Attend]) -> Tensor:
        """Tokens and what is heard [B, T, C], anchor [B, 1, C]; one of `attends` per attention."""
        x = self.attentions[0](x, attends[0])
        x = x + self.hear(heard) + self.anchor(anchor)
        for attention, attend in zip(self.attentions[1:], attends[1:], strict=True):
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

    def forward(
        self, before: Tensor, heard: Tensor, anchor: Tensor, ring: FrameRing | None = None
    ) -> Tensor:
        """Conditions [B, T, C].

        Args:
            before: code of the frame before each frame, [B, T, K].
            heard: what is heard in each frame, [B, T, C].
            anchor: [B, C].
            ring: the past, brought up to date; T is then 1. None: the frames begin a stream.
        """
        x, anchor = self.enter(before) + heard, anchor[:, None]
        attend = self._whole(x) if ring is None else self._streamed(ring, x.device)
        n = self.config.attentions
        for index, block in enumerate(self.blocks):
            x = block(x, heard, anchor, [attend(index * n + k) for k in range(n)])
        if ring is not None:
            ring.frame += 1
        out: Tensor = self.norm(x)
        return out

    def _whole(self, x: Tensor) -> Callable[[int], Attend]:
        n, device = x.shape[1], x.device
        rotary = frame_rotary(0, n, self.config.head_width, device)
        ages = torch.arange(n, device=device)[:, None] - torch.arange(n, device=device)
        mask = (ages >= 0) & (ages < self.config.window_frames)

        def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return functional.scaled_dot_product_attention(rotary.turn(q), rotary.turn(k), v, mask)

        return lambda index: attend

    def _streamed(self, ring: FrameRing, device: torch.device) -> Callable[[int], Attend]:
        rotary = frame_rotary(ring.frame, 1, self.config.head_width, device)
        return lambda index: ring.attend(index, rotary)
