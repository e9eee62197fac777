"""Recordings: the file, what is refused, and the pace at which they are replayed."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file

from talking_portrait_ros.chunks import FeatureChunk, Header
from talking_portrait_ros.latents.replay import build
from talking_portrait_ros.latents.replay.config import ReplayConfig
from talking_portrait_ros.latents.replay.recording import (
    Recording,
    load_recording,
    save_recording,
)
from talking_portrait_ros.latents.replay.replayer import Replayer
from talking_portrait_ros.synthetic import blank_references
from talking_portrait_ros.timebase import Timebase

ALONE = Timebase(frames_per_latent_step=4, first_step_alone=True)
PLAIN = Timebase(frames_per_latent_step=4)
METADATA = {
    "space": "video/x",
    "fps": "25",
    "frames_per_latent_step": "4",
    "first_step_alone": "true",
}


def recording(n_steps=5, timebase=ALONE):
    values = np.zeros((n_steps, 3, 2, 2), np.float32)
    values += np.arange(n_steps, dtype=np.float32)[:, None, None, None]
    return Recording("video/x", values, timebase)


def replayed(stage, n_frames, piece=1):
    """The blocks of one session."""
    state = stage.start(blank_references())
    blocks = []
    for first in range(0, n_frames, piece):
        n = min(piece, n_frames - first)
        header = Header(10**9 + first * 40_000_000)
        values = np.zeros((n, *stage.in_shape), np.float32)
        blocks += stage.step(
            FeatureChunk(header, stage.in_space, values, np.zeros(n, np.float32), first), state
        )
    return blocks + stage.finish(state)


def test_recording_survives_the_file_in_half_precision(tmp_path):
    values = np.random.default_rng(0).normal(size=(4, 3, 2, 2)).astype(np.float32)
    for timebase in (ALONE, PLAIN):
        save_recording(tmp_path / "a.safetensors", Recording("video/x", values, timebase))
        back = load_recording(tmp_path / "a.safetensors")
        assert (back.space, back.timebase) == ("video/x", timebase)
        assert np.abs(back.values - values).max() < 2e-3
        assert back.values.dtype == np.float32


def test_steps_come_in_order_and_begin_again_behind_the_lone_one():
    stage = Replayer(ReplayConfig(), recording(5))
    blocks = replayed(stage, 45)
    assert [float(b.values.mean()) for b in blocks[:-1]] == [0, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3]
    assert [b.n_frames for b in blocks] == [1] + [4] * 11 + [0]
    assert [b.header.stamp_ns for b in blocks[:3]] == [10**9, 104 * 10**7, 120 * 10**7]


def test_without_a_lone_first_step_the_recording_begins_again_as_a_whole():
    blocks = replayed(Replayer(ReplayConfig(), recording(3, PLAIN)), 24)
    assert [float(b.values.mean()) for b in blocks[:-1]] == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("piece", [1, 3, 50])
def test_blocks_of_four_steps_and_what_is_left_at_the_end(piece):
    blocks = replayed(Replayer(ReplayConfig(steps_per_block=4), recording()), 35, piece)
    assert [b.n_frames for b in blocks] == [13, 16, 6]
    assert [len(b.values) for b in blocks] == [4, 4, 2]
    assert [b.first_frame for b in blocks] == [0, 13, 29]
    assert [b.header.end_of_stream for b in blocks] == [False, False, True]


def test_pace_is_that_of_the_features_preset():
    from talking_portrait_ros.pipeline import build_stage
    from talking_portrait_ros.stage_specs import StageSpec

    features = build_stage("features", StageSpec("log_mel", {"lookahead_ms": 120}))
    stage = Replayer(ReplayConfig(lookahead_ms=120), recording())
    assert stage.in_space == features.out_space
    other = Replayer(ReplayConfig(lookahead_ms=0), recording())
    assert other.in_space != features.out_space


ZEROS = np.zeros((3, 2, 2, 2), np.float16)


@pytest.mark.parametrize(
    ("values", "metadata", "says"),
    [
        (ZEROS[:1], METADATA, r"\[1, 2, 2, 2\], expected .* at least 2 steps"),
        (ZEROS[0], METADATA, r"expected \[T_z, C, h, w\]"),
        (ZEROS.astype(np.float64), METADATA, "F64, expected F16 or F32"),
        (ZEROS + np.float16(np.nan), METADATA, "NaN"),
        (ZEROS, {**METADATA, "space": "motion/arkit-1"}, "no video space"),
        (ZEROS, {**METADATA, "fps": "fast"}, "fps='fast'"),
        (ZEROS, {**METADATA, "fps": "30"}, "fps=30: does not divide"),
        (ZEROS, {**METADATA, "first_step_alone": "1"}, "first_step_alone='1'"),
        (ZEROS, {"space": "video/x"}, "'first_step_alone' is not in its metadata"),
        (ZEROS, None, "is not in its metadata"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(tmp_path, values, metadata, says):
    path = tmp_path / "bad.safetensors"
    save_file({"values": values}, path, metadata)
    with pytest.raises(ValueError, match=says) as caught:
        load_recording(path)
    assert "bad.safetensors" in str(caught.value)
    assert "reconstruct --latents" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_another_file_and_other_tensors_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no file given"):
        build(ReplayConfig(), "cpu")
    with pytest.raises(ValueError, match="gone.safetensors': no such file"):
        load_recording(tmp_path / "gone.safetensors")
    (tmp_path / "text").write_text("not latents")
    with pytest.raises(ValueError, match="cannot be read as safetensors"):
        load_recording(tmp_path / "text")
    save_file({"weight": ZEROS}, tmp_path / "other", METADATA)
    with pytest.raises(ValueError, match="holds weight, expected values"):
        load_recording(tmp_path / "other")


def test_numbers_beyond_half_precision_are_not_written(tmp_path):
    values = np.full((2, 1, 1, 1), 1e5, np.float32)
    with pytest.raises(ValueError, match="half precision"):
        save_recording(tmp_path / "large", Recording("video/x", values, ALONE))
    assert not (tmp_path / "large").exists()
