"""The way that a GPU goes, on a CPU: bfloat16 and recordings without their graphs."""

from __future__ import annotations

import pytest
import torch

from talking_portrait_ros.latents.block_rectified_flow import FAMILY
from talking_portrait_ros.latents.block_rectified_flow.fast import FastBlockFlow
from talking_portrait_ros.latents.block_rectified_flow.load import build_model
from talking_portrait_ros.latents.block_rectified_flow.sampler import Sampler, block_noise

PAPER = {
    "anchor": "none", "guide": False, "guidance": 2.0, "denoise_steps": 4,
    "prediction": "velocity", "modulation": "own",
}  # fmt: skip


def taught(config):
    """A network in which everything has an effect."""
    model = build_model(config)
    torch.manual_seed(1)
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.15)
    return model


def fast_sampler(config):
    model = taught(config)
    return Sampler(model, network=FastBlockFlow(model))


def made(sampler, pasts, n_blocks=6):
    """Blocks of sessions in turns, [sessions][blocks]."""
    blocks = [[] for _ in pasts]
    for index in range(n_blocks):
        for session, past in enumerate(pasts):
            torch.manual_seed(100 * session + index)
            sound = torch.randn(1, 2, 16)
            noise = block_noise(session, index, (1, 2, 16, 2, 2))
            blocks[session].append(sampler.block(sound, past, noise, index == 0))
    return blocks


def references(session):
    torch.manual_seed(session)
    return torch.randn(1, 1 + session, 16, 2, 2)


@pytest.mark.parametrize(
    "options", [{"anchor": "reference"}, {"anchor": "reference", "commit": "last"}, PAPER]
)
@torch.inference_mode()
def test_blocks_differ_from_those_in_float32_by_a_hundredth_or_two(options):
    config = FAMILY.tiny.replace(**options)
    plain, fast = Sampler(taught(config)), fast_sampler(config)
    (exact,) = made(plain, [plain.start(references(0))])
    (near,) = made(fast, [fast.start(references(0))])
    for one, other in zip(exact, near, strict=True):
        assert other.dtype == torch.float32
        assert (one - other).abs().mean() < 0.02 * one.abs().mean()


@torch.inference_mode()
def test_sessions_in_turns_on_one_network_are_as_each_alone():
    sampler = fast_sampler(FAMILY.tiny.replace(**PAPER))
    together = made(sampler, [sampler.start(references(session)) for session in (0, 1)])
    alone = made(sampler, [sampler.start(references(0))])
    for one, other in zip(together[0], alone[0], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert not torch.equal(together[0][-1], together[1][-1])


@torch.inference_mode()
def test_the_past_is_kept_in_half_the_room():
    config = FAMILY.tiny.replace(**PAPER)
    plain, fast = Sampler(taught(config)), fast_sampler(config)
    sizes = [sampler.start(references(0)).ring.keys.nbytes for sampler in (plain, fast)]
    assert sizes[0] == 2 * sizes[1]
