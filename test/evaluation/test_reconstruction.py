"""Streams through the tiny VAE: as whole clips, in constant memory; weights by name or file."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from talking_portrait_ros.evaluation.fidelity import psnr_db
from talking_portrait_ros.evaluation.reconstruction import (
    Reconstruction,
    VaeDecoder,
    VaeEncoder,
    grouped,
)
from talking_portrait_ros.evaluation.vae_drift import evaluate_drift
from talking_portrait_ros.evaluation.vae_weights import load_vae, load_vaes
from talking_portrait_ros.frames.reference_vae.renderer import as_floats


@pytest.fixture(scope="module")
def tiny():
    return load_vae("ref_vae_tiny")


def noise(n_frames, side=64, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (n_frames, side, side, 3)).astype(np.uint8)


def test_frames_are_grouped_as_latent_steps_take_them_and_the_last_is_repeated():
    frames = noise(7, 4)
    groups = list(grouped(iter(frames), 4))
    assert [(len(group), n) for group, n in groups] == [(1, 1), (4, 4), (4, 2)]
    assert (groups[2][0][1:] == frames[6]).all()
    shown = np.concatenate([group[:n] for group, n in groups])
    np.testing.assert_array_equal(shown, frames)


@pytest.mark.parametrize("n_references", [0, 1, 3])
@torch.inference_mode()
def test_a_stream_gives_what_the_whole_clip_gives(tiny, n_references):
    frames, references = noise(9), noise(n_references, seed=1)
    run = Reconstruction(tiny, list(references))
    streamed = np.stack([decoded for _, decoded in run.run(iter(frames))])
    latents = tiny.encode(as_floats(frames, "cpu")[None]).mean
    cache = tiny.encode_references(as_floats(references, "cpu")[None])
    whole = (tiny.decode(latents, cache).frames[0].permute(0, 2, 3, 1) * 255).round().clamp(0, 255)
    apart = np.abs(streamed - whole.numpy())  # grey levels
    assert apart.mean() < 1
    assert apart.max() <= 8  # OpenCV looks up at 1/32 pixels, which in noise is 255 / 32


def test_figures_are_those_of_the_frames_that_were_there(tiny):
    frames = noise(7)
    run = Reconstruction(tiny, [frames[0]])
    pairs = list(run.run(iter(frames)))
    figures = run.figures()
    np.testing.assert_array_equal(np.stack([original for original, _ in pairs]), frames)
    assert (figures.n_frames, figures.references) == (7, 1)
    assert figures.psnr_db == pytest.approx(np.mean([psnr_db(*pair) for pair in pairs]))
    assert figures.compression_ratio == tiny.config.compression_ratio
    assert figures.encode_ms > 0 and figures.decode_ms > 0


def test_what_is_remembered_does_not_grow(tiny):
    run, sizes = Reconstruction(tiny, []), []
    pairs = run.run(iter(noise(1 + 4 * 12)))
    for _ in range(2):
        for _ in range(20):
            next(pairs)
        sizes.append(run.state_bytes)
    assert sizes[0] == sizes[1] > 0


def test_decoders_of_one_encoder_do_not_disturb_each_other(tiny):
    frames = noise(5)
    encoder, alone, beside = VaeEncoder(tiny), VaeDecoder(tiny, []), VaeDecoder(tiny, [])
    other = VaeDecoder(tiny, [frames[0]])
    for group, _ in grouped(frames, 4):
        latents = encoder.step(group)
        other.step(latents)
        np.testing.assert_array_equal(alone.step(latents), beside.step(latents))


def test_each_minute_of_a_long_clip_is_measured_on_its_own_frames(tiny, monkeypatch):
    @dataclass
    class Stretch:
        frames: torch.Tensor
        references: torch.Tensor

    class Corpus:
        """Quiet grey for a minute (of ten frames), then noise for another."""

        def stretches(self, seed, resolution, n_frames, stretch_frames):
            whole = np.concatenate([np.full_like(noise(10), 128), noise(10)])[:n_frames]
            planes = torch.from_numpy(whole).permute(0, 3, 1, 2)
            for first in range(0, n_frames, 4):
                yield Stretch(planes[first : first + 4], planes[:3])

    monkeypatch.setattr("talking_portrait_ros.evaluation.vae_drift.FRAMES_PER_MINUTE", 10)
    quiet, noisy = evaluate_drift(tiny, Corpus(), 2)
    run = Reconstruction(tiny, [np.full((64, 64, 3), 128, np.uint8)])
    frames = np.concatenate([np.full_like(noise(10), 128), noise(10)])
    decibels = [psnr_db(*pair) for pair in run.run(iter(frames))]
    assert quiet.psnr_db == pytest.approx(np.mean(decibels[:10]))
    assert noisy.psnr_db == pytest.approx(np.mean(decibels[10:]))
    assert quiet.state_bytes == noisy.state_bytes


def store(model, folder, name, prefix="", key="network", config=None):
    tensors = {prefix + k: v.half().contiguous() for k, v in model.state_dict().items()}
    save_file(tensors, folder / f"{name}.safetensors")
    facts = {key: (config or model.config).to_dict()}
    (folder / f"{name}.json").write_text(json.dumps(facts))
    return str(folder / f"{name}.safetensors")


@pytest.mark.parametrize(("prefix", "key"), [("", "network"), ("ema.", "model")])
def test_exported_weights_and_the_average_of_a_checkpoint_are_found(tiny, tmp_path, prefix, key):
    path = store(tiny, tmp_path, "w", prefix, key)
    loaded = load_vae(path).state_dict()
    for name, value in tiny.state_dict().items():
        torch.testing.assert_close(loaded[name], value.half().float())


def test_weights_that_cannot_be_had_are_refused_in_one_line(tiny, tmp_path):
    wider = tiny.config.replace(latent_channels=32)
    cases = {
        "rig_512": "no VAE of that name; choose one of .*ref_vae_512",
        str(tmp_path / "gone.safetensors"): r"gone.json cannot be read .*keep the JSON file",
        store(tiny, tmp_path, "other", config=wider): "of another network .*size mismatch",
    }
    (tmp_path / "cut.json").write_text((tmp_path / "other.json").read_text())
    (tmp_path / "cut.safetensors").write_bytes(b"cut short")
    cases[str(tmp_path / "cut.safetensors")] = "cannot be read as safetensors"
    for name, words in cases.items():
        with pytest.raises(ValueError, match=words) as refusal:
            load_vae(name)
        assert "\n" not in str(refusal.value)
    with pytest.raises(ValueError, match="a second 'ref_vae_tiny'"):
        load_vaes(["ref_vae_tiny", str(tmp_path / "ref_vae_tiny.safetensors")])
