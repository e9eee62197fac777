"""The curriculum, and settings that cannot be."""

from __future__ import annotations

import pytest

from talking_portrait_ros.training.reference_vae.config import (
    ReferenceVaeTraining,
    Stage,
    model_config,
    parse_curriculum,
)


def test_a_curriculum_reads_as_it_is_written():
    text = "256x5x4:100,512/256x5x2:50,512x9x1:10"
    stages = parse_curriculum(text)
    assert stages[1] == Stage(resolution=512, crop=256, n_frames=5, batch=2, steps=50)
    assert ",".join(map(str, stages)) == text


def test_steps_belong_to_stages():
    config = ReferenceVaeTraining(curriculum="64x5x4:3,128x5x4:2")
    assert config.total_steps == 5
    assert [config.stage_at(step) for step in range(6)] == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("256x5", "RESOLUTION"),
        ("", "RESOLUTION"),
        ("256x6x4:10", "1 \\+ 4 n"),
        ("250x5x4:10", "multiples of 64"),
        ("256/512x5x4:10", "not larger"),
        ("256x5x0:10", "batch"),
    ],
)
def test_a_curriculum_that_cannot_be_is_refused(text, says):
    with pytest.raises(ValueError, match=says):
        ReferenceVaeTraining(curriculum=text)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"precision": "bfloat16"}, "slower"),
        ({"device": "cuda:99"}, "cuda:99"),
        ({"reference_shares": (0.5, 0.5)}, "four shares"),
        ({"reference_shares": (0.5, 0.5, 0.5, 0.0)}, "make 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        ReferenceVaeTraining(**wrong)


def test_the_config_survives_a_checkpoint():
    config = ReferenceVaeTraining(curriculum="64x5x4:3", minutes=2)
    assert ReferenceVaeTraining.from_dict(config.to_dict()) == config


def test_models_are_presets_with_random_weights():
    assert model_config("ref_vae_512").weights == ""
    assert model_config("ref_vae_512").resolution == 512
    with pytest.raises(ValueError, match="rigged.*ref_vae_tiny"):
        model_config("rigged")
