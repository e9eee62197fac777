"""Figures of a decoder alone. Nothing here depends on how fast the machine is."""

from __future__ import annotations

import json

import pytest
import torch
from click.testing import CliRunner

from talking_portrait_ros.cli import main
from talking_portrait_ros.evaluation.decoder_speed import DecoderRun, measure_decoder
from talking_portrait_ros.stage_specs import FRAMES, StageSpec


def test_figures_of_the_reference_vae_agree_with_each_other():
    threads = torch.get_num_threads()
    macs = []
    for n_references in range(4):
        run = DecoderRun("ref_vae_tiny", n_steps=1, n_references=n_references)
        figures = measure_decoder(run)
        macs.append(figures["macs_per_frame"])
        assert (figures["weights"], figures["frames_per_latent_step"]) == ("random", 4)
        assert set(figures["parameters"]) >= {"encoder", "decoder"}
        assert figures["fps"] == pytest.approx(1000 / figures["frame_ms_median"])
        ideal_ms = macs[-1] / (1e6 * figures["matmul_gmacs_per_s"])
        share = ideal_ms / figures["frame_ms_median"]
        assert figures["share_of_matmul_speed"] == pytest.approx(share)
    assert macs[0] < macs[1] < macs[2] < macs[3]
    assert macs[3] - macs[2] == pytest.approx(macs[2] - macs[1], rel=0.01)
    assert torch.get_num_threads() == threads


def test_rig_has_no_network_and_needs_a_picture(monkeypatch):
    monkeypatch.setitem(FRAMES, "rig_64", StageSpec("rig", {"resolution": 64}))
    figures = measure_decoder(DecoderRun("rig_64", n_steps=1))
    assert (figures["weights"], figures["parameters"]) == (None, {})
    with pytest.raises(ValueError, match="references=0: rig_64 draws from a picture"):
        measure_decoder(DecoderRun("rig_64", n_references=0))


def test_one_command_prints_and_writes_the_figures(tmp_path):
    path = tmp_path / "speed.json"
    words = ["bench", "--frames", "ref_vae_tiny", "--steps", "2", "--references", "2"]
    result = CliRunner().invoke(main, [*words, "--json", str(path)])
    assert result.exit_code == 0, result.output
    assert "random weights" in result.output
    figures = json.loads(path.read_text())
    assert (figures["frames"], figures["references"], figures["latent_steps"]) == (
        "ref_vae_tiny", 2, 2,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--frames", "nobody"], "frames='nobody' does not exist; choose one of"),
        (["--frames", "ref_vae_tiny", "--fast"], "fast: needs a GPU, device='cpu'"),
        (["--alone", "--fast"], "fast: needs a GPU, device='cpu'"),
        (["--fast"], "fast: needs a GPU, device='cpu'"),
        (["--generator", "ar_flow_matching", "--fast"], "--fast: leave it out with --generator"),
        (["--frames", "ref_vae_tiny", "--device", "cuda:77"], "cuda:77"),
    ],
)
def test_mistakes_are_one_line(words, says):
    result = CliRunner().invoke(main, ["bench", *words])
    assert result.exit_code == 2
    assert says in result.output
