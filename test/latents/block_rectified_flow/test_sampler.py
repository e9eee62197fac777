"""Sampling blocks, alone and through the stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from talking_portrait_ros.latents.block_rectified_flow import FAMILY
from talking_portrait_ros.latents.block_rectified_flow.load import build, build_model
from talking_portrait_ros.latents.block_rectified_flow.sampler import Past, Sampler, block_noise
from talking_portrait_ros.synthetic import synthetic_input, synthetic_references

SHAPE = (1, 2, 16, 2, 2)


def _run(n_blocks: int, seed: int = 0, **changes: object) -> list[torch.Tensor]:
    config = FAMILY.tiny.replace(**changes)
    sampler = Sampler(build_model(config))
    torch.manual_seed(3)
    references = torch.randn(1, 2, *SHAPE[2:])
    past = sampler.start(references)
    sound = torch.randn(n_blocks, 1, config.block_steps, config.sound_width)
    shape = (1, config.block_steps, *SHAPE[2:])
    draft = torch.randn(shape)
    return [
        sampler.block(sound[i], past, block_noise(seed, i, shape), i == 0, draft=draft)
        for i in range(n_blocks)
    ]


def _made(sampler: Sampler, past: Past, index: int) -> torch.Tensor:
    """The next block of a silent session."""
    noise = block_noise(0, index, SHAPE)
    draft = torch.zeros(SHAPE)
    return sampler.block(torch.zeros(1, 2, 16), past, noise, index == 0, draft=draft)


def test_noise_follows_from_seed_and_block() -> None:
    assert torch.equal(block_noise(1, 2, SHAPE), block_noise(1, 2, SHAPE))
    for other in (block_noise(2, 2, SHAPE), block_noise(1, 3, SHAPE)):
        assert not torch.equal(block_noise(1, 2, SHAPE), other)


def test_the_past_is_seen_and_the_window_goes_on() -> None:
    blocks = torch.stack(_run(9))
    assert torch.isfinite(blocks).all()
    others = torch.stack(_run(9, seed=5))
    assert not torch.allclose(blocks, others)


@pytest.mark.parametrize("carried", [1, 2, 4])
def test_a_full_window_carries_on_with_its_newest_steps(carried: int) -> None:
    config = FAMILY.tiny.replace(carried_steps=carried)
    sampler = Sampler(build_model(config))
    past = sampler.start(torch.zeros(1, 1, *SHAPE[2:]))
    seen = []
    for index in range(8):
        _made(sampler, past, index)
        seen.append(past.ring.n_steps)
    assert seen[:3] == [2, 4, 6]
    assert seen[3] == carried + 2
    assert max(seen) <= config.window_steps


def test_guidance_of_one_is_none_and_more_of_it_changes_more() -> None:
    plain, weak, strong = (torch.stack(_run(3, guidance=g)) for g in (1.0, 1.001, 3.0))
    assert (plain - weak).abs().max() < 0.05 * (plain - strong).abs().max()


def test_a_part_of_the_correction_lies_between_the_draft_and_all_of_it() -> None:
    none, half, whole = (
        _run(1, denoise_steps=1, correction=share)[0] for share in (0.0, 0.5, 1.0)
    )
    assert (whole - none).abs().max() > 0.01
    torch.testing.assert_close(half, (none + whole) / 2)
    with pytest.raises(ValueError, match=r"correction=0\.5.*clean"):
        FAMILY.tiny.replace(correction=0.5, prediction="velocity")


def test_one_step_with_its_own_keys_needs_no_pass_to_commit() -> None:
    calls = []
    config = FAMILY.tiny.replace(denoise_steps=1, commit="last")
    sampler = Sampler(build_model(config))
    streamed = sampler.model._streamed
    sampler.model._streamed = lambda *args: calls.append(1) or streamed(*args)
    past = sampler.start(torch.zeros(1, 1, *SHAPE[2:]))
    calls.clear()
    _made(sampler, past, 0)
    assert len(calls) == 1
    assert past.ring.n_steps == 2


def test_other_references_take_over_between_blocks() -> None:
    sampler = Sampler(build_model(FAMILY.tiny.replace(anchor="reference")))
    first, second = torch.randn(2, 1, 1, *SHAPE[2:])
    past = sampler.start(first)
    _made(sampler, past, 0)
    sampler.refer(second, past)
    assert past.ring.n_steps == 2
    made = _made(sampler, past, 1)
    assert (made - second).abs().mean() < (made - first).abs().mean()


def test_without_a_guide_the_idle_amplitudes_have_no_effect() -> None:
    made = {}
    for guide in (True, False):
        for head in (0.0, 2.0):
            config = FAMILY.tiny.replace(guide=guide, head=head, anchor="reference")
            stage = build(config, "cpu")
            state = stage.start(synthetic_references())
            blocks = stage.step(synthetic_input(stage, 9, seed=1), state)
            made[guide, head] = np.concatenate([block.values for block in blocks])
    assert np.array_equal(made[False, 0.0], made[False, 2.0])
    assert not np.array_equal(made[True, 0.0], made[True, 2.0])


def test_a_live_amplitude_takes_effect_at_once() -> None:
    stage = build(FAMILY.tiny, "cpu")
    whole = synthetic_input(stage, 9, seed=1)
    before = stage.step(whole, stage.start(synthetic_references()))
    stage.config = stage.config.replace(mouth=0.0, head=2.0)
    after = stage.step(whole, stage.start(synthetic_references()))
    assert not np.array_equal(before[0].values, after[0].values)


def test_features_of_a_speech_model_are_heard_without_the_partner() -> None:
    own = 24
    config = FAMILY.tiny.replace(
        encoder="wav2vec2", heard_width=own, guide=False, anchor="reference"
    )
    stage = build(config, "cpu")
    assert stage.in_space == "features/causal-wav2vec2-la60"
    assert stage.in_shape == (2 * own + 1,)
    whole = synthetic_input(stage, 9, seed=1)
    made = []
    for columns in (slice(0, 0), slice(own, None), slice(0, own)):
        values = whole.values.copy()
        values[:, columns] += 1
        blocks = stage.step(replace(whole, values=values), stage.start(synthetic_references()))
        made.append(np.concatenate([block.values for block in blocks]))
    unchanged, other_partner, other_voice = made
    assert np.array_equal(unchanged, other_partner)
    assert not np.array_equal(unchanged, other_voice)
