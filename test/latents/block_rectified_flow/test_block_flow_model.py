"""The network: teaching a whole clip equals streaming it block by block."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from talking_portrait_ros.latents.block_rectified_flow import FAMILY
from talking_portrait_ros.latents.block_rectified_flow.config import BlockRectifiedFlowConfig
from talking_portrait_ros.latents.block_rectified_flow.mask import teaching_mask
from talking_portrait_ros.latents.block_rectified_flow.model import Block, BlockFlow
from talking_portrait_ros.latents.block_rectified_flow.ring import StepRing
from talking_portrait_ros.nn.attention import KeysValues

N_STEPS = 6


def _config(**changes: object) -> BlockRectifiedFlowConfig:
    return FAMILY.tiny.replace(**changes)


def _model(config: BlockRectifiedFlowConfig) -> BlockFlow:
    torch.manual_seed(1)
    model = BlockFlow(config)
    for weight in model.parameters():  # nothing may hide behind weights that begin at zero
        torch.nn.init.normal_(weight, std=0.1)
    for name in ("latent_scale", "change_scale"):
        getattr(model, name).uniform_(0.5, 2)
    return model.eval().requires_grad_(False)


def _clip(config: BlockRectifiedFlowConfig, n_batch: int = 1) -> tuple[torch.Tensor, Block]:
    """References [B, 2, C, h, w] and noisy blocks of a clip."""
    torch.manual_seed(2)
    side, channels = config.latent_size, config.latent_channels
    references = torch.randn(n_batch, 2, channels, side, side)
    values = torch.randn(n_batch, N_STEPS, channels, side, side)
    sound = torch.randn(n_batch, N_STEPS, config.sound_width)
    anchor, still = torch.randn_like(values), references[:, 0]
    t = torch.rand(n_batch, N_STEPS)
    return references, Block(values, t, sound, anchor, still, 0, has_first=True)


def _part(block: Block, first: int, last: int) -> Block:
    return replace(
        block, values=block.values[:, first:last], t=block.t[:, first:last],
        sound=block.sound[:, first:last], anchor=block.anchor[:, first:last], position=first,
        has_first=block.has_first and first == 0,
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"modulation": "own"},
        {"anchor": "reference"},
        {"anchor": "none", "patch": 2},
        {"block_steps": 1, "carried_steps": 5},
    ],
)
def test_teaching_a_clip_equals_denoising_and_committing_block_by_block(changes: dict) -> None:
    config = _config(**changes)
    model = _model(config)
    references, noisy = _clip(config)
    memory = model.read_references(references)
    clean = replace(noisy, values=torch.randn_like(noisy.values), t=torch.zeros(1, N_STEPS))
    taught = model.teach(references, clean, noisy, torch.tensor([False]), config.block_steps)
    shape = (config.depth, 1, config.n_heads, N_STEPS, config.tokens_per_step, config.head_width)
    ring = StepRing.empty(shape, noisy.values)
    for first in range(0, N_STEPS, config.block_steps):
        past = ring.placed(config.head_width)
        context = [
            KeysValues(torch.cat([r.keys, p.keys], 2), torch.cat([r.values, p.values], 2))
            for r, p in zip(memory.keys_values, past, strict=True)
        ]
        last = first + config.block_steps
        said, _ = model.denoise(_part(noisy, first, last), context)
        assert torch.allclose(said, taught[:, first:last], atol=1e-4)
        seen = model.commit(_part(clean, first, last), context)
        keys, values = (
            torch.stack([getattr(one, name) for one in seen]).unflatten(
                3, (-1, config.tokens_per_step)
            )
            for name in ("keys", "values")
        )
        ring.append(keys, values)


def test_nobody_sees_what_is_not_theirs() -> None:
    mask = teaching_mask(n_references=1, n_steps=4, block_steps=2).int().tolist()
    assert mask == [
        # r  clean       noisy
        [1, 0, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 1, 1, 0, 0],
        [1, 0, 0, 0, 0, 1, 1, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 1, 1],
        [1, 1, 1, 0, 0, 0, 0, 1, 1],
    ]


def test_references_are_a_set() -> None:
    config = _config(anchor="none")
    model = _model(config)
    references, noisy = _clip(config)
    said = [
        model.denoise(noisy, model.read_references(pictures).keys_values)[0]
        for pictures in (references, references.flip(1))
    ]
    assert torch.allclose(*said, atol=1e-5)


def test_null_references_say_nothing() -> None:
    config = _config()
    model = _model(config)
    references, noisy = _clip(config)
    said = []
    for pictures in (references, references + 1):
        memory = model.read_references(pictures, torch.tensor([True]))
        said.append(model.denoise(noisy, memory.keys_values)[0])
    assert torch.equal(*said)


@pytest.mark.parametrize("anchor", ["none", "reference", "draft"])
def test_units_come_back(anchor: str) -> None:
    model = _model(_config(anchor=anchor))
    _, block = _clip(model.config)
    latents = block.values
    assert torch.allclose(
        model.outer(model.inner(latents, block.anchor), block.anchor), latents, atol=1e-5
    )


def test_an_untaught_network_keeps_to_the_anchor() -> None:
    config = _config()
    torch.manual_seed(1)
    model = BlockFlow(config).requires_grad_(False)
    references, noisy = _clip(config)
    memory = model.read_references(references)
    said, _ = model.denoise(noisy, memory.keys_values)
    assert torch.equal(said, torch.zeros_like(said))
    assert torch.allclose(model.outer(said, noisy.anchor), noisy.anchor, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"patch": 3}, "patch"),
        ({"head_width": 24}, "head_width"),
        ({"carried_steps": 5}, "carried_steps"),
        ({"block_steps": 6, "carried_steps": 1}, "block_steps"),
        ({"guide": False}, "anchor"),
        ({"encoder": "wav2vec2"}, "guide"),
        ({"heard_width": 80}, "heard_width"),
    ],
)
def test_numbers_that_do_not_fit_are_named(change: dict, field: str) -> None:
    with pytest.raises(ValueError, match=rf"BlockRectifiedFlowConfig\.{field}="):
        _config(**change)
