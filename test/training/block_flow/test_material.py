"""Latents of clips on disk, and what batches take of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from talking_portrait_ros.latents.block_rectified_flow import FAMILY
from talking_portrait_ros.training.block_flow.batches import (
    block_times,
    draw_batch,
    first_frame_of,
)
from talking_portrait_ros.training.block_flow.command import made_up
from talking_portrait_ros.training.block_flow.config import BlockFlowTraining
from talking_portrait_ros.training.block_flow.material import Material, joined


def _material(frames_per_step: int) -> Material:
    return made_up(FAMILY.tiny.replace(frames_per_step=frames_per_step), 6, seed=1)


@pytest.fixture(scope="module")
def material() -> Material:
    return _material(4)


def test_shards_come_back_in_order(material: Material, tmp_path) -> None:
    other = made_up(FAMILY.tiny, 3, seed=2)
    material.save(tmp_path / "a.safetensors")
    other.save(tmp_path / "b.safetensors")
    loaded = Material.load(tmp_path)
    assert len(loaded) == 9
    assert loaded.vae == "made up"
    assert torch.equal(loaded.latents, torch.cat([material.latents, other.latents]))
    assert torch.equal(loaded.guide[6:], other.guide)


def test_an_empty_folder_says_how_to_fill_it(tmp_path) -> None:
    with pytest.raises(ValueError, match="material=.*corpus encode"):
        Material.load(tmp_path)


def test_a_file_that_is_no_shard_is_named(tmp_path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"x\.safetensors: cannot be read"):
        Material.load(tmp_path)


def test_shards_of_different_vaes_are_not_mixed(material: Material) -> None:
    with pytest.raises(ValueError, match="different kinds"):
        joined([material, replace(material, vae="another")])


@pytest.mark.parametrize("per_step", [1, 4])
def test_a_stretch_belongs_to_its_sound(per_step: int) -> None:
    """In the made-up clips the latents of a step follow the guide's jaw in its frames."""
    material = _material(per_step)
    assert material.frames_per_step == per_step
    for seed in range(12):
        batch = draw_batch(material, 4, 2, np.random.default_rng(seed))
        assert batch.latents.shape[1] % 2 == 0
        jaw = batch.guide.amax(dim=-1)[:, batch.first_frame :]
        steps = jaw[:, :1] if batch.has_first else jaw[:, :0]
        steps = torch.cat(
            [steps, jaw[:, batch.has_first :].unflatten(1, (-1, per_step))[..., -1]], 1
        )
        assert steps.shape == batch.latents.shape[:2]
        change = batch.latents[:, 1:] - batch.latents[:, :-1]
        wanted = (steps[:, 1:] - steps[:, :-1])[..., None, None, None]
        if change.shape[1]:
            way = (change / wanted).flatten(0, 1)
            assert torch.allclose(way, way[:1].expand_as(way), rtol=0.02, atol=0.02)


def test_a_stretch_is_no_longer_than_asked_for(material: Material) -> None:
    for seed in range(6):
        batch = draw_batch(material, 4, 2, np.random.default_rng(seed), most_steps=3)
        assert batch.latents.shape[1] == 2


def test_the_first_step_is_one_frame() -> None:
    assert [first_frame_of(step, 4) for step in range(4)] == [0, 1, 5, 9]
    assert [first_frame_of(step, 1) for step in range(4)] == [0, 1, 2, 3]


def test_steps_of_a_block_share_their_time() -> None:
    config = BlockFlowTraining(pure_noise=0.5)
    times = block_times((50, 8), 4, config, torch.Generator().manual_seed(1))
    assert times.shape == (50, 8)
    blocks = times.unflatten(1, (2, 4))
    assert torch.equal(blocks, blocks[..., :1].expand_as(blocks))
    assert 0.3 < float((times == 1).float().mean()) < 0.7
    assert float(times.min()) > 0
