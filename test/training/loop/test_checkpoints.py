"""Checkpoints: whole or not at all, the newest kept, moments of the optimiser included."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from talking_portrait_ros.training.loop.checkpoints import (
    Checkpoint,
    load_latest,
    load_optimiser_tensors,
    optimiser_tensors,
    prefixed,
    save_checkpoint,
    under,
)


def checkpoint(step):
    return Checkpoint(step, {"a.b": torch.full((2,), float(step))}, {"history": [{"step": step}]})


def test_the_newest_is_loaded_and_old_ones_are_dropped(tmp_path):
    for step in (5, 90, 1000):
        save_checkpoint(tmp_path, checkpoint(step))
    found = load_latest(tmp_path)
    assert found.step == 1000
    assert torch.equal(found.tensors["a.b"], torch.full((2,), 1000.0))
    assert found.facts == {"history": [{"step": 1000}]}
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        f"step_{s:08d}.{kind}" for s in (90, 1000) for kind in ("json", "safetensors")
    ]


def test_there_may_be_none(tmp_path):
    assert load_latest(tmp_path / "nowhere") is None


def test_a_checkpoint_that_was_not_finished_does_not_count(tmp_path):
    save_checkpoint(tmp_path, checkpoint(5))
    (tmp_path / "step_00000009.safetensors").write_bytes(b"half of it")
    assert load_latest(tmp_path).step == 5


@pytest.mark.parametrize("ending", ["json", "safetensors"])
def test_a_damaged_one_is_named(tmp_path, ending):
    path = save_checkpoint(tmp_path, checkpoint(5)).with_suffix(f".{ending}")
    path.write_bytes(b"rubbish")
    with pytest.raises(ValueError, match="step_00000005.*delete"):
        load_latest(tmp_path)


def test_prefixes_come_and_go():
    tensors = {"x.y": torch.ones(1)}
    assert under("model", {**prefixed("model", tensors), "model2.z": torch.ones(1)}) == tensors


def test_the_optimiser_goes_on_where_it_was():
    def step(model, optimiser):
        optimiser.zero_grad()
        model(torch.ones(1, 3)).square().sum().backward()
        optimiser.step()

    torch.manual_seed(0)
    models = [nn.Linear(3, 2), nn.Linear(3, 2)]
    optimisers = [torch.optim.AdamW(model.parameters(), 0.1) for model in models]
    for _ in range(3):
        step(models[0], optimisers[0])
    models[1].load_state_dict(models[0].state_dict())
    load_optimiser_tensors(models[1], optimisers[1], optimiser_tensors(models[0], optimisers[0]))
    for model, optimiser in zip(models, optimisers, strict=True):
        step(model, optimiser)
    assert torch.equal(models[0].weight, models[1].weight)
