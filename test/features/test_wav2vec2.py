"""The causal wav2vec2: no leak from the future, and the numbers of a plain reference."""

from __future__ import annotations

import math

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from talking_portrait_ros.chunks import AudioChunk, Header
from talking_portrait_ros.contract import check_constant_memory, check_streaming_equals_whole
from talking_portrait_ros.features.causal_speech import CausalSpeechConfig, build
from talking_portrait_ros.features.causal_speech.net_ear import load_folder
from talking_portrait_ros.features.causal_speech.wav2vec2 import (
    HEAD,
    RECEPTIVE,
    STRIDES,
    CausalWav2Vec2,
    Wav2Vec2Size,
)
from talking_portrait_ros.synthetic import blank_references

SIZE = Wav2Vec2Size(width=64, conv_width=16, layers=3, past_slots=7)
LOOKAHEAD_MS = 60


@pytest.fixture
def net():
    torch.manual_seed(3)
    made = CausalWav2Vec2(SIZE).eval().requires_grad_(False)
    for name, weight in made.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.1)
    return made


def sound(n_slots, seed=0):
    return 0.1 * torch.randn(320 * n_slots, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def stage():
    config = CausalSpeechConfig(
        encoder="wav2vec2", width=64, conv_width=16, layers=3, past_frames=6,
        lookahead_ms=LOOKAHEAD_MS,
    )  # fmt: skip
    return build(config, "cpu")


@pytest.mark.parametrize("check", [check_streaming_equals_whole, check_constant_memory])
def test_as_an_ear_it_keeps_the_contract(stage, check):
    check(stage)


@pytest.mark.parametrize("track", [0, 1])
def test_three_layers_look_no_further_ahead_than_one_declares(stage, track):
    """Six frames; a click moves frame 2 up to the end of its lookahead, which only one ear has."""
    tracks = torch.stack([sound(12, 1), sound(12, 2)]).numpy()
    end = 3 * 640 + (0, 16 * LOOKAHEAD_MS)[track == 0]

    def third_frame(click):
        changed = tracks.copy()
        changed[track, click] += 0.9
        chunk = AudioChunk(Header(), changed[0], 16_000, 0, changed[1])
        return stage.step(chunk, stage.start(blank_references()))[0].values[2]

    silent = third_frame(-1)  # the last sample, which nothing hears
    assert (third_frame(end) == silent).all()
    assert (third_frame(end - 1) != silent).any()


def reference(net, heard):
    """The published architecture, whole and plain: left padding and a mask in place of the past.

    Statistics are those that a stream begins with.
    """
    x = functional.pad(heard / math.sqrt(0.01 + 1e-5), (RECEPTIVE - 320, 0))[None, None]
    for index, layer in enumerate(net.feature_extractor.conv_layers):
        x = functional.conv1d(x, layer.conv.weight, stride=STRIDES[index])
        if index == 0:
            norm = layer.layer_norm
            x = x / math.sqrt(1 + 1e-5) * norm.weight[:, None] + norm.bias[:, None]
        x = functional.gelu(x)
    x = net.feature_projection(x[0].T)  # [slots, width]
    conv = net.encoder.pos_conv_embed.conv
    placed = functional.conv1d(
        functional.pad(x.T[None], (127, 0)), conv.weight, conv.bias, groups=conv.groups
    )
    x = net.encoder.layer_norm(x + functional.gelu(placed[0].T))
    ages = torch.arange(len(x))[:, None] - torch.arange(len(x))
    unseen = (ages < 0) | (ages >= SIZE.past_slots)
    for layer in net.encoder.layers:
        attention = layer.attention
        q, k, v = (
            part(x).unflatten(-1, (-1, HEAD)).transpose(0, 1)
            for part in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        weights = (q @ k.transpose(1, 2) / math.sqrt(HEAD)).masked_fill(unseen, -math.inf)
        seen = (weights.softmax(dim=-1) @ v).transpose(0, 1).flatten(1)
        x = layer.layer_norm(x + attention.out_proj(seen))
        x = layer.final_layer_norm(x + layer.feed_forward(x))
    return x


def test_the_stream_gives_the_numbers_of_the_whole_architecture(net):
    state = net.start()
    state.sound.weight = state.first.weight = math.inf  # statistics stay as they are
    heard = sound(20)
    got = torch.cat([net.push(part, state) for part in heard.split(777)])
    torch.testing.assert_close(got, reference(net, heard), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("gain", [0.3, 3.0])
def test_the_loudness_is_learned_as_the_sound_comes(net, gain):
    state, heard = net.start(), gain * sound(400)
    net.push(heard, state)
    assert float(state.sound.power) == pytest.approx(
        float(heard.square().mean()), rel=0.2, abs=2e-3
    )


def test_a_pause_does_not_change_the_statistics(net):
    state = net.start()
    net.push(sound(50), state)
    before = state.sound.power.clone(), state.first.mean.clone()
    net.push(1e-4 * sound(500), state)
    assert torch.equal(state.sound.power, before[0]) and torch.equal(state.first.mean, before[1])


def stored(net):
    """The weights as transformers stores them, with a head and a layer that are not used."""
    tensors = {f"wav2vec2.{name}": value.clone() for name, value in net.state_dict().items()}
    start = "wav2vec2.encoder.pos_conv_embed.conv."
    weight = tensors.pop(start + "weight")
    tensors[start + "weight_g"] = weight.norm(dim=(0, 1), keepdim=True)
    tensors[start + "weight_v"] = 3 * weight
    tensors["lm_head.weight"] = torch.zeros(4, 64)
    tensors["wav2vec2.encoder.layers.3.final_layer_norm.bias"] = torch.zeros(64)
    return tensors


def test_weights_of_a_local_folder_are_read(net, tmp_path):
    save_file(stored(net), tmp_path / "model.safetensors")
    torch.manual_seed(9)
    other = CausalWav2Vec2(SIZE)
    load_folder(other, str(tmp_path))
    heard = sound(6)
    torch.testing.assert_close(other.push(heard, other.start()), net.push(heard, net.start()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("wav2vec2.feature_projection.projection.bias"), "is missing"),
        (lambda t: t["wav2vec2.feature_projection.projection.bias"].resize_(7), "of shape"),
        (lambda t: t["wav2vec2.feature_projection.projection.bias"].fill_(math.nan), "NaN"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(net, tmp_path, change, words):
    tensors = stored(net)
    change(tensors)
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=f"feature_projection.projection.bias.*{words}"):
        load_folder(net, str(tmp_path))


def test_a_folder_without_a_model_is_refused(net, tmp_path):
    with pytest.raises(ValueError, match="model.safetensors cannot be read"):
        load_folder(net, str(tmp_path))
