"""The generator's trainer."""

from __future__ import annotations

import json

import pytest
import torch

from talking_portrait_ros.training.block_flow.command import made_up, train
from talking_portrait_ros.training.block_flow.config import (
    KINDS,
    BlockFlowTraining,
    model_config,
)
from talking_portrait_ros.training.block_flow.trainer import Trainer
from talking_portrait_ros.training.loop.curriculum import Stage, parse_curriculum

TINY = model_config("block_flow_tiny")


def _config(**changes: object) -> BlockFlowTraining:
    small = BlockFlowTraining(
        preset="block_flow_tiny", curriculum="teach:4", blocks=(1, 2), batch=2, log_steps=1,
        evaluate_steps=4, checkpoint_steps=4, evaluation_clips=2, warm_up=1,
    )  # fmt: skip
    return small.replace(**changes)


def _weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in trainer.model.parameters()])


def test_smoke(tmp_path) -> None:
    paths = train(BlockFlowTraining(smoke=True, out=str(tmp_path)))
    assert all(path.is_file() for path in paths)
    records = [json.loads(line) for line in paths[1].read_text().splitlines()]
    assert records[-1]["explained_long"] > 0.5


@pytest.mark.parametrize("kind", ["teach", "rollout", "distil"])
def test_each_kind_of_stage_moves_all_weights(kind: str) -> None:
    trainer = Trainer(_config(), TINY)
    material = made_up(TINY, 4, seed=1)
    trainer.begin(material)
    torch.nn.init.normal_(trainer.model.leave.weight, std=0.1)  # so that all have a gradient
    for step in range(3):
        numbers = trainer.step(step, Stage(kind, 3), material)
        assert numbers["loss"] > 0
    still = [n for n, w in trainer.model.named_parameters() if w.grad is None or not w.grad.any()]
    allowed = {"no_sound", "no_reference", "first_step", "sound.no_guide"}  # by chance not used
    assert not {name for name in still if name not in allowed and ".alone." not in name}


def test_a_run_goes_on_where_it_ended(tmp_path) -> None:
    material = tmp_path / "material"
    material.mkdir()
    made_up(TINY, 12, seed=1).save(material / "a.safetensors")
    whole = _config(material=str(material), out=str(tmp_path / "whole"))
    train(whole)
    parts = whole.replace(out=str(tmp_path / "parts"))
    train(parts.replace(minutes=1e-9))
    first = json.loads(next((tmp_path / "parts/checkpoints").glob("*.json")).read_text())
    assert first["step"] < 4
    train(parts)
    ends = [sorted((tmp_path / name / "checkpoints").glob("*4.safetensors"))[-1].read_bytes()
            for name in ("whole", "parts")]  # fmt: skip
    assert ends[0] == ends[1]


def test_export_writes_half_precision_and_a_card(tmp_path) -> None:
    material = tmp_path / "material"
    material.mkdir()
    made_up(TINY, 12, seed=1).save(material / "a.safetensors")
    config = _config(material=str(material), out=str(tmp_path), weights_folder=str(tmp_path / "w"))
    train(config)
    (path,) = train(config.replace(export="flow_test"))
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["compute"].startswith("4 steps")
    assert "made up" in card["model"]
    assert "explained_long" in card["figures"]
    assert str(tmp_path) not in json.dumps(card)


def test_units_follow_the_material() -> None:
    trainer = Trainer(_config(), TINY)
    material = made_up(TINY, 32, seed=1)
    trainer.begin(material)
    model = trainer.model
    standard = model.standardised(material.latents)
    assert float(standard.mean().abs()) < 0.05
    inner = model.inner(material.latents, model.standardised(material.draft))
    assert float(inner.square().mean().sqrt()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("text", ["teach", "dream:3", "teach:0", "teach:3;rollout:2"])
def test_a_curriculum_that_cannot_be_is_shown(text: str) -> None:
    with pytest.raises(ValueError, match="curriculum="):
        parse_curriculum(text, KINDS)


def test_material_is_asked_for() -> None:
    with pytest.raises(ValueError, match="material=.*--smoke"):
        train(BlockFlowTraining(preset="block_flow_tiny"))


def test_latents_of_another_shape_are_refused(tmp_path) -> None:
    made_up(TINY.replace(latent_channels=8), 4, seed=1).save(tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"latents are \(8, 2, 2\), the preset works on \(16"):
        train(_config(material=str(tmp_path), out=str(tmp_path / "out")))
