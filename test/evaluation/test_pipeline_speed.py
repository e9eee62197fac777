"""Speed of a pipeline alone, and what a block of the generator costs."""

from __future__ import annotations

import pytest

from talking_portrait_ros.evaluation.pipeline_speed import (
    PipelineRun,
    count_generator,
    measure_pipeline,
)
from talking_portrait_ros.presets import preset
from talking_portrait_ros.stage_specs import latents_spec


def test_a_pipeline_is_timed_stage_by_stage() -> None:
    figures = measure_pipeline(PipelineRun("rig_256", n_blocks=3))
    stages = sum(figures[f"{name}_ms_per_block"] for name in ("features", "latents", "frames"))
    assert 0 < stages < 3 * figures["block_ms_median"]
    assert figures["block_ms_longest_past"] >= figures["block_ms_median"]
    assert "gmacs_per_block" not in figures


def test_a_block_at_the_papers_scale_is_counted_without_computing_it() -> None:
    figures = count_generator("block_flow_paper_512")
    options = latents_spec("block_flow_paper_512").options
    weights = 12 * options["depth"] * options["width"] ** 2  # attention 4, MLP 8 per block
    tokens = figures["tokens_per_block"] * figures["batch_of_a_pass"]
    by_weights = weights * tokens * figures["passes_per_block"] / 1e9
    # Attention over the past, embeddings and AdaLN come on top.
    assert by_weights < figures["gmacs_per_block"] < 2 * by_weights
    assert figures["passes_per_block"] == options["denoise_steps"] + 1


def test_a_preset_without_weights_is_refused_where_pictures_are_wanted() -> None:
    with pytest.raises(ValueError, match=r"block_flow_paper_512.*no weights.*bench"):
        preset("block_flow_paper_512")
