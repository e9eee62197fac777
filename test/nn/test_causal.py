"""Causal convolutions: nothing from the future, pieces equal the whole."""

from __future__ import annotations

import torch
from torch import nn

from talking_portrait_ros.nn.causal import CausalConv, ResidualBlock, number_contexts
from talking_portrait_ros.nn.memory import Memory


def _memory(network: nn.Module) -> Memory:
    return Memory([conv.context(2, 6, 6) for conv in number_contexts(network)])


def test_pieces_equal_the_whole() -> None:
    network = nn.Sequential(CausalConv(3, 4, 3, 3), CausalConv(4, 5, 3, 2))
    x = torch.randn(2, 7, 6, 6, 3)
    whole = network(x)
    memory = _memory(network)
    pieces = []
    for piece in x.split([1, 2, 4], dim=1):
        for layer in network:
            piece = layer(piece, memory)
        pieces.append(piece)
    assert torch.allclose(torch.cat(pieces, dim=1), whole, atol=1e-6)


def test_the_future_changes_nothing() -> None:
    conv = CausalConv(3, 4, 3, 3)
    x = torch.randn(1, 6, 4, 4, 3)
    changed = x.clone()
    changed[:, 4:] += 1
    assert torch.equal(conv(x)[:, :4], conv(changed)[:, :4])
    assert not torch.allclose(conv(x)[:, 4:], conv(changed)[:, 4:])


def test_it_is_a_convolution_in_three_dimensions() -> None:
    conv = CausalConv(3, 4, 3, 2)
    kernel = conv.conv.weight.unflatten(1, (2, 3)).transpose(1, 2)  # [O, I, time, 3, 3]
    solid = nn.Conv3d(3, 4, (2, 3, 3), padding=(0, 1, 1))
    with torch.no_grad():
        solid.weight.copy_(kernel)
        solid.bias.copy_(conv.conv.bias)
    x = torch.randn(1, 5, 4, 4, 3)
    padded = nn.functional.pad(x, (0, 0, 0, 0, 0, 0, 1, 0)).permute(0, 4, 1, 2, 3)
    assert torch.allclose(conv(x), solid(padded).permute(0, 2, 3, 4, 1), atol=1e-5)


def test_a_residual_block_begins_as_the_identity() -> None:
    x = torch.randn(1, 2, 4, 4, 8)
    assert torch.equal(ResidualBlock(8)(x), x)


def test_contexts_are_overwritten_in_place() -> None:
    conv = CausalConv(3, 4, 3, 3)
    memory = _memory(conv)
    before = memory.contexts[0]
    conv(torch.randn(2, 4, 6, 6, 3), memory)
    assert memory.contexts[0] is before
    assert before.any()
