"""Whole runs: the smoke run learns, a stopped run goes on, its weights are shipped with a card."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from safetensors.torch import load_file

from talking_portrait_ros.cli import main
from talking_portrait_ros.training.loop.checkpoints import load_latest
from talking_portrait_ros.training.loop.history import History
from talking_portrait_ros.training.reference_vae.command import (
    SMOKE_FALL,
    _require_learning,
    train,
)
from talking_portrait_ros.training.reference_vae.config import ReferenceVaeTraining, model_config
from talking_portrait_ros.training.reference_vae.flat import FlatClips
from talking_portrait_ros.training.reference_vae.run import CHECKPOINTS, Run, Sources
from talking_portrait_ros.training.reference_vae.trainer import Trainer


def small(out, **settings):
    return ReferenceVaeTraining(
        out=str(out), preset="ref_vae_tiny", curriculum="64x1x1:6", warm_up=2, workers=0,
        log_steps=2, evaluate_steps=4, checkpoint_steps=4, evaluation_clips=1, pool_clips=2,
        **settings,
    )  # fmt: skip


def run_of(config):
    model = model_config(config.preset)
    return Run(config, Trainer(config, model), Sources(FlatClips, FlatClips))


def test_the_smoke_run_learns(tmp_path):
    paths = train(ReferenceVaeTraining(smoke=True, out=str(tmp_path)))
    records = [json.loads(line) for line in paths[1].read_text().splitlines()]
    losses = [record["loss"] for record in records if "loss" in record]
    assert losses[0] > SMOKE_FALL * min(losses)
    folder = paths[1].parent
    assert (folder / "curves.png").is_file()
    assert len(list((folder / "pictures").glob("*.png"))) == 3
    assert {r["resolution"] for r in records if "psnr_m3" in r} == {64, 128}


def test_a_smoke_run_that_does_not_learn_fails(tmp_path):
    records = [{"step": 20, "loss": 1.0}, {"step": 40, "loss": 0.9}, {"step": 60, "loss": 0.1}]
    with pytest.raises(ValueError, match="fell 1.11 times"):
        _require_learning(History(tmp_path / "m.jsonl", records), steps=40)


def test_a_run_whose_time_is_up_leaves_a_checkpoint_and_goes_on(tmp_path):
    stopped = run_of(small(tmp_path, minutes=1e-9))
    stopped.go()
    assert stopped.step == 0 and load_latest(tmp_path / CHECKPOINTS).step == 0
    again = run_of(small(tmp_path))
    again.go()
    found = load_latest(tmp_path / CHECKPOINTS)
    assert again.step == found.step == 6
    assert [r["step"] for r in found.facts["history"]] == [2, 4, 4, 6, 6]
    assert sum(found.facts["seconds"].values()) > 0
    finished = run_of(small(tmp_path))
    assert finished.step == 6
    assert finished.history.records == found.facts["history"]


def test_weights_are_shipped_with_a_card(tmp_path):
    run_of(small(tmp_path / "run")).go()
    config = small(tmp_path / "run", export="ref_vae_try", weights_folder=str(tmp_path / "w"))
    (path,) = train(config)
    weights = load_file(path)
    model = Trainer(config, model_config("ref_vae_tiny")).model
    assert {n: v.shape for n, v in weights.items()} == {
        n: v.shape for n, v in model.state_dict().items()
    }
    assert {str(v.dtype) for v in weights.values()} == {"torch.float16"}
    ema = load_latest(tmp_path / "run" / CHECKPOINTS).tensors["ema.encoder.enter.conv.weight"]
    assert (weights["encoder.enter.conv.weight"].float() - ema).abs().max() < 1e-3
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["licence"] == "Apache-2.0" and "no video" in card["data"]
    assert card["compute"].startswith("6 steps") and card["figures"]["step"] == 6
    assert "rendered" in card["limits"] and card["network"]["latent_channels"] == 16
    assert str(tmp_path) not in path.with_suffix(".json").read_text()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "corpus=''"),
        (["--corpus", "nowhere.pack"], "nowhere.pack"),
        (["--corpus", __file__, "--validation", "nowhere.pack"], "nowhere.pack"),
        (["--smoke", "--curriculum", "12"], "RESOLUTION"),
        (["--smoke", "--precision", "bfloat16"], "slower"),
        (["--smoke", "--device", "tpu"], "tpu"),
        (["--export", "x", "--out", "{out}"], "train first"),
        (["--preset", "rig_512", "--corpus", __file__], "rig_512"),
        (["--losses-l1", "-1", "--smoke"], "l1"),
    ],
)
def test_mistakes_end_in_one_line(options, says, tmp_path):
    words = [word.format(out=tmp_path) for word in options]
    result = CliRunner().invoke(main, ["train", "reference-vae", *words])
    assert result.exit_code == 2
    error = [line for line in result.output.splitlines() if line.startswith("Error:")]
    assert len(error) == 1 and says in error[0]
