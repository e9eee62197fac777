"""The way that a GPU goes, on a CPU: bfloat16 and recordings without their graphs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from talking_portrait_ros.chunks import References
from talking_portrait_ros.contract import split_chunk
from talking_portrait_ros.frames.avatar import drawn_avatar
from talking_portrait_ros.frames.reference_vae import FAMILY
from talking_portrait_ros.frames.reference_vae.renderer import ReferenceVaeDecoder
from talking_portrait_ros.pipeline import build_pipeline, hastened
from talking_portrait_ros.stage_specs import FRAMES, LATENTS
from talking_portrait_ros.synthetic import synthetic_input

NO_LINEAR_PATH = FAMILY.tiny.replace(base_stride=0, warp_width=0)


def drawn(config, sizes):
    """Pictures of a made-up stream [T, H, W, 3], its latent steps in pieces of these sizes."""
    stage = ReferenceVaeDecoder(config)
    state = stage.start(References((drawn_avatar(),)))
    timebase = stage.clock.timebase
    whole = synthetic_input(stage, timebase.frames_of_steps(sum(sizes)))
    chunks = split_chunk(whole, sizes, timebase)
    return np.concatenate([out.frames for chunk in chunks for out in stage.step(chunk, state)])


def test_pictures_differ_from_those_in_float32_by_a_grey_level_or_two():
    exact = drawn(NO_LINEAR_PATH, [1, 2, 1, 1, 2]).astype(int)
    near = drawn(NO_LINEAR_PATH.replace(fast=True), [1, 2, 1, 1, 2])
    assert exact.std() > 5
    assert np.abs(near - exact).mean() < 1.5
    assert np.abs(near - exact).max() < 20


def test_streaming_equals_whole():
    fast = NO_LINEAR_PATH.replace(fast=True)
    together, apart = drawn(fast, [1, 3, 3]), drawn(fast, [1] * 7)
    assert np.abs(together.astype(int) - apart).max() <= 2


def test_a_linear_path_is_refused():
    with pytest.raises(ValueError, match="fast=True: expected false where there is a linear"):
        FAMILY.tiny.replace(base_stride=4, fast=True)


def test_without_a_gpu_it_is_refused_and_with_one_given_to_the_families_that_have_it():
    with pytest.raises(ValueError, match="fast: needs a GPU, device='cpu'"):
        build_pipeline("block_flow_512", fast=True)
    paper = hastened("latents", LATENTS["block_flow_paper_512"], "cuda")
    assert paper.options["fast"] is True
    assert hastened("frames", FRAMES["rig_512"], "cuda") == FRAMES["rig_512"]


def test_a_recording_leaves_the_count_of_steps_as_it_is():
    stage = ReferenceVaeDecoder(NO_LINEAR_PATH.replace(fast=True))
    state = stage.start(References((drawn_avatar(),)))
    side = NO_LINEAR_PATH.latent_size
    latents = torch.zeros(1, 1, NO_LINEAR_PATH.latent_channels, side, side)
    with torch.inference_mode():
        for n in (1, 2, 3):
            state.painter.paint(latents)
            assert state.memory.n_steps == n
