"""The reference block: references are a set, frames do not see each other."""

from __future__ import annotations

import pytest
import torch

from talking_portrait_ros.nn.attention import ReferenceBlock, picture_rotary

HEAD, SIDE = 8, 4


def _block() -> ReferenceBlock:
    torch.manual_seed(0)
    return ReferenceBlock(16, 12, HEAD, 2)


def test_the_order_of_the_references_does_not_matter() -> None:
    block, rotary = _block(), picture_rotary(SIDE, SIDE, HEAD, torch.device("cpu"))
    x, references = torch.randn(2, 3, SIDE**2, 16), torch.randn(2, 3, SIDE**2, 12)
    outs = [
        block(x, block.read(references[:, order], rotary), rotary)
        for order in ([0, 1, 2], [2, 0, 1])
    ]
    assert torch.allclose(*outs, atol=1e-5)


def test_frames_do_not_see_each_other() -> None:
    block, rotary = _block(), picture_rotary(SIDE, SIDE, HEAD, torch.device("cpu"))
    x = torch.randn(1, 3, SIDE**2, 16)
    pair = block.read(torch.randn(1, 1, SIDE**2, 12), rotary)
    alone = torch.cat([block(x[:, i : i + 1], pair, rotary) for i in range(3)], dim=1)
    assert torch.allclose(block(x, pair, rotary), alone, atol=1e-5)


def test_scores_depend_on_the_distance_only() -> None:
    rotary = picture_rotary(SIDE, SIDE, HEAD, torch.device("cpu"))
    q, k = (rotary.turn(torch.randn(HEAD).expand(SIDE**2, HEAD)) for _ in range(2))
    scores = (q @ k.T).view(SIDE, SIDE, SIDE, SIDE)
    assert torch.allclose(scores[0, 0, 1, 2], scores[2, 1, 3, 3], atol=1e-5)


def test_a_head_that_does_not_divide_the_width_is_refused() -> None:
    with pytest.raises(ValueError, match="fusion_head=10"):
        ReferenceBlock(16, 12, 10, 2)
