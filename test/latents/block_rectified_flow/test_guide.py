"""The guide of a generator, and the lip nets that have a say in it."""

from __future__ import annotations

import pytest
import torch

from talking_portrait_ros.latents.ar_flow_matching.lips import Lips
from talking_portrait_ros.latents.audio_regression.config import AudioRegressionConfig
from talking_portrait_ros.latents.audio_regression.model import ArticulationNet
from talking_portrait_ros.latents.block_rectified_flow.config import BlockRectifiedFlowConfig
from talking_portrait_ros.latents.block_rectified_flow.guide import JointNet, build_guide

SLOTS = torch.randn(1, 80, 24, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def net() -> JointNet:
    torch.manual_seed(0)
    return JointNet(ArticulationNet(), Lips(3), 60).eval().requires_grad_(False)


def test_each_net_has_one_vote(net: JointNet) -> None:
    together, _ = net(SLOTS, net.fresh_caches())
    own = ArticulationNet()
    own.load_state_dict(net.state_dict(), strict=False)
    alone, _ = own(SLOTS, own.fresh_caches())
    heard = SLOTS.transpose(1, 2).expand(3, -1, -1, -1)
    others = net.lips(heard, net.lips.fresh_caches())[..., 3, :].transpose(2, 3)  # 60 ms
    assert torch.allclose(together, (alone + others.sum(dim=0)) / 4, atol=1e-5)


def test_pieces_equal_the_whole(net: JointNet) -> None:
    whole, _ = net(SLOTS, net.fresh_caches())
    caches, pieces = net.fresh_caches(), []
    for piece in SLOTS.split([2, 10, 12], dim=2):
        made, caches = net(piece, caches)
        pieces.append(made)
    assert torch.allclose(torch.cat(pieces, dim=2), whole, atol=1e-5)


def test_a_state_is_not_changed_by_another_session(net: JointNet) -> None:
    caches = net.fresh_caches()
    net(SLOTS, caches)
    assert all(not cache.any() for cache in caches)


def test_weights_without_lip_nets_are_refused() -> None:
    with pytest.raises(ValueError, match="guide_lips='ref_vae_512'.*no lip nets"):
        build_guide(AudioRegressionConfig(), "ref_vae_512", "cpu")


def test_lip_nets_are_refused_for_a_lookahead_that_they_do_not_know() -> None:
    with pytest.raises(ValueError, match=r"guide_lips='dyadic_512'.*lookahead_ms=120"):
        build_guide(AudioRegressionConfig(lookahead_ms=120), "dyadic_512", "cpu")


def test_a_lookahead_that_lip_nets_do_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match=r"guide_lips.*lookahead_ms=120"):
        BlockRectifiedFlowConfig(lookahead_ms=120, guide_lips="dyadic_512")
