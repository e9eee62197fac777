"""The causal transformer, one frame at a time: the same numbers as `backbone.py`, nothing twice.

Keys and values of the past are kept. What a frame hears goes through the maps of all blocks at
once, what is known of the anchor once per session; the gains of the norms are part of the weights
behind them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.latents.ar_flow_matching.backbone import (
    Backbone,
    CausalBlock,
    SelfAttention,
    rotary_speeds,
)
from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.nn.norm import EPSILON, RmsNorm


class Unit:
    """x / sqrt(mean square x + EPSILON), but for a factor sqrt(C) that `gain` makes good."""

    def __init__(self, like: Tensor, width: int) -> None:
        self._least = like.new_tensor(math.sqrt(width * EPSILON))

    def __call__(self, x: Tensor) -> Tensor:
        """[N, C] -> the same shape."""
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return x / torch.hypot(length, self._least)


def gain(norm: RmsNorm) -> Tensor:
    """What a unit vector is multiplied with, [C]."""
    return norm.weight * math.sqrt(len(norm.weight))


def laid(weight: Tensor, factor: Tensor | None = None) -> Tensor:
    """A weight [out, in] as [in, out], its longer side in a row: so few rows are faster.

    `factor` [in] multiplies what goes in.
    """
    weight = weight if factor is None else weight * factor
    return weight.T if weight.shape[0] < weight.shape[1] else weight.T.contiguous()


def ends(mlp: nn.Sequential) -> tuple[nn.Linear, nn.Linear]:
    """Its two linear layers."""
    into, _, out_of = mlp
    assert isinstance(into, nn.Linear) and isinstance(out_of, nn.Linear)
    return into, out_of


@dataclass
class FrameRing:
    """Keys (already turned to their places) and values of the newest frames, allocated once.

    Rotary positions make a key know its place, so the slots need no order and nothing is ever
    computed again.

    Attributes:
        kept: keys and values, [attentions, B, 2, heads, window, head].
        frame: frame of the session that comes next.
    """

    kept: Tensor
    frame: int = 0

    @classmethod
    def empty(cls, config: ArFlowMatchingConfig, n_rows: int, like: Tensor) -> FrameRing:
        """A ring for `n_rows` streams, with the type and device of `like`."""
        heads = (config.n_heads, config.window_frames, config.head_width)
        return cls(like.new_zeros((config.depth * config.attentions, n_rows, 2, *heads)))


class LiveBackbone:
    """The transformer for one frame; to be made anew when its weights change."""

    def __init__(self, backbone: Backbone) -> None:
        config, blocks = backbone.config, _blocks(backbone)
        weight = backbone.enter.weight
        self._unit = Unit(weight, config.width)
        self._enter, self._enter_bias = laid(weight), backbone.enter.bias
        self._hear = laid(torch.cat([block.hear.weight for block in blocks]))
        self._anchor = laid(torch.cat([block.anchor.weight for block in blocks]))
        self._hear_bias = torch.cat([block.hear.bias for block in blocks])
        self._blocks = [_LiveBlock(block, self._unit) for block in blocks]
        self._gain = gain(backbone.norm)
        self._speeds = rotary_speeds(config.head_width)

    def told(self, anchor: Tensor) -> Tensor:
        """What all blocks make of anchors [N, C], once per session."""
        return torch.addmm(self._hear_bias, anchor, self._anchor)

    def step(self, before: Tensor, heard: Tensor, told: Tensor, ring: FrameRing) -> Tensor:
        """The condition of the next frame, [R B, C].

        Args:
            before: code of the frame before, [B, K]; the same for all R rows of a session.
            heard: what each row hears, [R, B, C].
            told: of the anchors, [R B, depth C].
            ring: brought up to date.
        """
        x = (heard + torch.addmm(self._enter_bias, before, self._enter)).flatten(0, 1)
        added = torch.addmm(told, heard.flatten(0, 1), self._hear).chunk(len(self._blocks), dim=1)
        turn = self._turn(ring.frame, x)
        index = 0
        for block, heard_here in zip(self._blocks, added, strict=True):
            x = block.step(x, heard_here, turn, ring, index)
            index += len(block.attentions)
        ring.frame += 1
        return self._unit(x) * self._gain

    def _turn(self, frame: int, like: Tensor) -> Tensor:
        """By what queries, keys and values are multiplied as complex numbers, [3, 1, head / 2]."""
        angles = (frame * self._speeds).expand(3, 1, -1).clone()
        angles[2] = 0  # values stay
        return torch.polar(torch.ones_like(angles), angles).to(like.device, torch.complex64)


class _LiveAttention:
    """Self-attention of one frame."""

    def __init__(self, attention: SelfAttention, unit: Unit) -> None:
        self._unit, self._n_heads = unit, attention.n_heads
        factor = gain(attention.norm)
        self._qkv = laid(_paired(attention.qkv.weight, attention.n_heads), factor)
        self._out, self._out_bias = laid(attention.out.weight), attention.out.bias

    def step(self, x: Tensor, turn: Tensor, ring: FrameRing, index: int) -> Tensor:
        """[N, C] -> the same shape; the frame joins the ring."""
        kept = ring.kept[index]
        window = kept.shape[3]
        qkv = torch.mm(self._unit(x), self._qkv).view(len(x), 3, self._n_heads, -1, 2)
        turned = torch.view_as_real(torch.view_as_complex(qkv) * turn).flatten(3)
        kept[:, :, :, ring.frame % window] = turned[:, 1:]
        seen = kept[:, :, :, : min(ring.frame + 1, window)]
        found = functional.scaled_dot_product_attention(
            turned[:, 0].unsqueeze(2), seen[:, 0], seen[:, 1]
        )
        return torch.addmm(x, found.view(x.shape), self._out).add_(self._out_bias)


class _LiveBlock:
    """Attention, what is heard and the anchor, further attentions, MLP."""

    def __init__(self, block: CausalBlock, unit: Unit) -> None:
        self._unit = unit
        self.attentions = [_LiveAttention(one, unit) for one in _attentions(block)]
        into, out_of = ends(block.mlp)
        self._into, self._into_bias = laid(into.weight, gain(block.mlp_norm)), into.bias
        self._out, self._out_bias = laid(out_of.weight), out_of.bias

    def step(self, x: Tensor, heard: Tensor, turn: Tensor, ring: FrameRing, index: int) -> Tensor:
        """[N, C] -> the same shape; `index` is that of the block's first attention."""
        x = self.attentions[0].step(x, turn, ring, index).add_(heard)
        for further, attention in enumerate(self.attentions[1:], start=index + 1):
            x = attention.step(x, turn, ring, further)
        hidden = torch.addmm(self._into_bias, self._unit(x), self._into)
        hidden = functional.gelu(hidden, approximate="tanh")
        return torch.addmm(x, hidden, self._out).add_(self._out_bias)


def _paired(weight: Tensor, n_heads: int) -> Tensor:
    """Queries' and keys' two halves interleaved, as complex numbers lie; values are left."""
    parts = weight.unflatten(0, (3, n_heads, 2, -1))  # [3, heads, halves, pairs, in]
    turned = parts[:2].transpose(2, 3).flatten(0, 3)
    return torch.cat([turned, parts[2].flatten(0, 2)])


def _blocks(backbone: Backbone) -> list[CausalBlock]:
    return [block for block in backbone.blocks if isinstance(block, CausalBlock)]


def _attentions(block: CausalBlock) -> list[SelfAttention]:
    return [one for one in block.attentions if isinstance(one, SelfAttention)]
