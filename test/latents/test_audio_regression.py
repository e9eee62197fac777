"""The mouth that follows the sound, alone and behind the log-mel features."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import soxr
import torch

from talking_portrait_ros import weights
from talking_portrait_ros.audio.speech import synthesise
from talking_portrait_ros.chunks import AudioChunk, Header
from talking_portrait_ros.features import log_mel
from talking_portrait_ros.latents.audio_regression import FAMILY, AudioRegressionConfig, build
from talking_portrait_ros.latents.audio_regression.model import ArticulationNet, load_net
from talking_portrait_ros.latents.audio_regression.mouth import RELEASE_FRAMES, Gate
from talking_portrait_ros.spaces import INDEX, MOTION_ARKIT
from talking_portrait_ros.synthetic import blank_references, synthetic_input
from talking_portrait_ros.training import sounds

RATE = 16_000
JAW = INDEX["jawOpen"]
STILL = dict.fromkeys(("blink", "gaze", "breathing", "head", "brow", "smile"), 0.0)
MOUTH_COLUMNS = [i for name, i in INDEX.items() if name.startswith(("jaw", "mouth"))]
LOOKAHEADS = (0, 60, 120, 200)


def motion_of(sound, lookahead_ms=60, **config):
    """Motion [T, 58] for a sound, without idle life unless the config says otherwise."""
    ears = log_mel.build(log_mel.LogMelConfig(lookahead_ms=lookahead_ms), "cpu")
    mouth = build(AudioRegressionConfig(lookahead_ms=lookahead_ms, **{**STILL, **config}), "cpu")
    hearing, moving = ears.start(blank_references()), mouth.start(blank_references())
    chunk = AudioChunk(Header(), sound, RATE, 0)
    heard = ears.step(chunk, hearing) + ears.finish(hearing)
    return np.concatenate([b.values for h in heard for b in mouth.step(h, moving)])


@pytest.fixture(scope="module")
def spoken():
    """Speech without the silence at its ends, and its phonemes."""
    utterance = synthesise("Mama and papa bought a big apple pie for Bob. Why are you far away?")
    end_s = max(p.end_s for p in utterance.phonemes if p.ipa)
    sound = soxr.resample(utterance.samples, utterance.sample_rate_hz, RATE)
    return sound[: int(end_s * RATE)].astype(np.float32), utterance.phonemes


@pytest.mark.parametrize("lookahead_ms", LOOKAHEADS)
def test_shipped_weights_open_on_open_vowels_and_shut_on_labials(spoken, lookahead_ms):
    sound, phonemes = spoken
    jaw = motion_of(sound, lookahead_ms)[:, JAW]

    def mean_over(symbols):
        frames = [round(25 * (p.start_s + p.end_s) / 2 - 0.5) for p in phonemes
                  if p.ipa[:1] in symbols]  # fmt: skip
        return jaw[[min(f, len(jaw) - 1) for f in frames]].mean()

    assert mean_over(set("ɑaæ")) > 0.2
    assert mean_over(set("mpb")) < 0.4 * mean_over(set("ɑaæ"))


@pytest.mark.parametrize("lookahead_ms", LOOKAHEADS)
def test_silence_closes_the_mouth_within_200_ms(spoken, lookahead_ms):
    sound, _ = spoken
    for cut_s in (1.0, 1.37, 2.2, len(sound) / RATE):
        heard = np.concatenate([sound[: int(cut_s * RATE)], np.zeros(RATE, np.float32)])
        motion = motion_of(heard, lookahead_ms)
        closed = motion[int(np.ceil((cut_s + 0.2) * 25)) :]
        assert closed[:, JAW].max() < 0.02
        assert np.abs(closed[:, MOUTH_COLUMNS]).max() < 0.05


def test_digital_silence_moves_nothing():
    assert not motion_of(np.zeros(2 * RATE, np.float32)).any()


def energy(motion):
    """Mean squared movement of the jaw per frame."""
    return np.mean(np.diff(motion[:, JAW]) ** 2)


@pytest.mark.parametrize("make", [sounds.noise, sounds.music])
def test_noise_and_music_do_not_make_it_chatter(spoken, make):
    speech = energy(motion_of(spoken[0]))
    others = [energy(motion_of(make(3 * RATE, np.random.default_rng(seed))))
              for seed in range(200, 206)]  # fmt: skip
    assert np.mean(others) < 0.06 * speech


def test_the_same_seed_lives_the_same_and_another_seed_otherwise(spoken):
    lively = dict.fromkeys(STILL, 1.0)
    first, again, other = (motion_of(spoken[0], seed=seed, **lively) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    assert np.allclose(first[:, JAW], other[:, JAW])


def test_amplitude_of_the_mouth_scales_live_and_zero_is_still(spoken):
    full, half, none = (motion_of(spoken[0], mouth=mouth)[:, JAW] for mouth in (1.0, 0.5, 0.0))
    assert np.allclose(half, 0.5 * full, atol=1e-6)
    assert not none.any()
    stage = build(AudioRegressionConfig(), "cpu")
    state = stage.start(blank_references())
    chunk = dataclasses.replace(synthetic_input(stage, 10), speech=np.ones(10, np.float32))
    assert stage.step(chunk, state)[0].values[:, JAW].any()
    stage.config = stage.config.replace(mouth=0.0)
    following = dataclasses.replace(chunk, first_frame=10)
    assert not stage.step(following, state)[0].values[:, JAW].any()


def test_idle_life_is_there_in_silence():
    motion = motion_of(np.zeros(10 * RATE, np.float32), **dict.fromkeys(STILL, 1.0))
    assert motion[:, INDEX["eyeBlinkLeft"]].max() > 0.9
    assert np.ptp(motion[:, INDEX["headYaw"]]) > 0.005


def test_weights_stay_within_0_and_1_at_the_largest_amplitudes(spoken):
    motion = motion_of(spoken[0], mouth=2.0, **dict.fromkeys(STILL, 2.0))
    assert motion[:, :52].min() >= 0.0 and motion[:, :52].max() <= 1.0


def test_the_gate_opens_at_once_and_shuts_in_its_time():
    gate = Gate()
    nothing = np.zeros(RELEASE_FRAMES, np.float32)
    assert gate.follow(np.float32([0.0, 0.9])).tolist() == [0.0, 1.0]
    shut = gate.follow(nothing)
    assert np.all(np.diff(shut) < 0) and shut[-1] == pytest.approx(0.0, abs=1e-6)


def test_network_in_pieces_equals_network_at_once():
    torch.manual_seed(3)
    net, slots = load_net("audio_regression_la60"), torch.randn(1, 80, 90)
    whole, _ = net(slots, net.fresh_caches())
    caches, pieces = net.fresh_caches(), []
    for piece in slots.split([1, 7, 2, 40, 30, 10], dim=2):
        made, caches = net(piece, caches)
        pieces.append(made)
    assert torch.allclose(torch.cat(pieces, dim=2), whole, atol=1e-5)


@pytest.mark.parametrize("change", [
    {"space": "features/logmel40-la0"},
    {"values": np.zeros((10, 80), np.float32)},
    {"first_frame": 3},
])  # fmt: skip
def test_misfits_are_refused_in_one_line_that_names_both_sides(change):
    stage = build(FAMILY.tiny, "cpu")
    state = stage.start(blank_references())
    chunk = dataclasses.replace(synthetic_input(stage, 10), **change)
    with pytest.raises(ValueError, match="audio_regression.*expected|audio_regression.*works in"):
        stage.step(chunk, state)
    assert stage.step(synthetic_input(stage, 10), state)[0].space == MOTION_ARKIT


def test_a_lookahead_without_weights_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="audio_regression_la40.*audio_regression_la60"):
        build(AudioRegressionConfig(lookahead_ms=40), "cpu")


@pytest.mark.parametrize("n_channels", [32, 48])
def test_weights_of_another_shape_are_refused_by_tensor(tmp_path, monkeypatch, n_channels):
    from safetensors.torch import save_file

    save_file(ArticulationNet(n_channels).state_dict(), tmp_path / "small.safetensors")
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=rf"'blocks.0.mix.bias': expected shape \[64\], found "
                                         rf"shape \[{n_channels}\]"):  # fmt: skip
        build(AudioRegressionConfig(weights="small"), "cpu")
