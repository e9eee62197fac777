"""Figures of a generator alone. Nothing here depends on how fast the machine is."""

from __future__ import annotations

import json

import pytest
import torch
from click.testing import CliRunner

from talking_portrait_ros.cli import main
from talking_portrait_ros.evaluation.generator_speed import measure_generator


def test_a_generator_without_weights_is_measured_with_random_ones(tmp_path):
    threads = torch.get_num_threads()
    path = tmp_path / "figures.json"
    arguments = ["bench", "--generator", "dyadic_tiny", "--steps", "3", "--json", str(path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    figures = json.loads(path.read_text())
    assert (figures["weights"], figures["frames"]) == ("random", 3)
    assert 0 < figures["frame_ms_median"] <= figures["frame_ms_p95"]
    assert torch.get_num_threads() == threads


def test_an_unknown_generator_is_refused_by_name():
    with pytest.raises(ValueError, match="latents='telepathy' does not exist"):
        measure_generator("telepathy", "cpu", 1, 1)
