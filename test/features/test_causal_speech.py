"""Two ears; the contract suite covers streaming, clock and memory."""

from __future__ import annotations

import numpy as np
import pytest

from talking_portrait_ros.chunks import AudioChunk, Header
from talking_portrait_ros.features.causal_speech import CausalSpeechConfig, build
from talking_portrait_ros.features.causal_speech.config import LOOKAHEADS_MS
from talking_portrait_ros.features.log_mel import LogMelConfig
from talking_portrait_ros.features.log_mel import build as build_log_mel
from talking_portrait_ros.synthetic import blank_references

RATE = 16_000
FRAME = 5


def noise(seconds, seed=0):
    generator = np.random.default_rng(seed)
    return (0.05 * generator.standard_normal(int(seconds * RATE))).astype(np.float32)


def features(stage, own, partner=None):
    """Values and speech of a whole sound."""
    state = stage.start(blank_references())
    outputs = stage.step(AudioChunk(Header(), own, RATE, 0, partner), state)
    outputs += stage.finish(state)
    return (np.concatenate([o.values for o in outputs]),
            np.concatenate([o.speech for o in outputs]))  # fmt: skip


def frame_with(stage, tracks, track, position):
    """Frame 5 after a click at a sample of one track."""
    changed = [sound.copy() for sound in tracks]
    if position is not None:
        changed[track][position] += 0.9
    return features(stage, *changed)[0][FRAME]


@pytest.mark.parametrize("lookahead_ms", LOOKAHEADS_MS)
@pytest.mark.parametrize("track", ["own", "partner"])
def test_each_track_is_heard_up_to_its_own_lookahead_and_no_sample_further(lookahead_ms, track):
    stage = build(CausalSpeechConfig(lookahead_ms=lookahead_ms), "cpu")
    end = 640 * (FRAME + 1) + (16 * lookahead_ms if track == "own" else 0)
    tracks, index = (noise(0.5, 1), noise(0.5, 2)), ("own", "partner").index(track)
    expected = frame_with(stage, tracks, index, None)
    assert not np.array_equal(frame_with(stage, tracks, index, end - 1), expected)
    assert np.array_equal(frame_with(stage, tracks, index, end), expected)


def test_the_own_part_is_log_mel_and_the_partners_is_log_mel_without_lookahead():
    own, partner = noise(1, 1), noise(1, 2)
    values, speech = features(build(CausalSpeechConfig(lookahead_ms=60), "cpu"), own, partner)
    mine, said = features(build_log_mel(LogMelConfig(lookahead_ms=60), "cpu"), own)
    theirs, heard = features(build_log_mel(LogMelConfig(lookahead_ms=0), "cpu"), partner)
    assert np.array_equal(values, np.concatenate([mine, theirs, heard[:, None]], axis=1))
    assert np.array_equal(speech, said)


def test_nobody_in_front_sounds_like_somebody_silent():
    stage = build(CausalSpeechConfig(), "cpu")
    alone, silent = features(stage, noise(0.4)), features(stage, noise(0.4), noise(0.4) * 0)
    assert all(np.array_equal(a, b) for a, b in zip(alone, silent, strict=True))


def test_a_partner_who_appears_later_does_not_upset_the_stream():
    stage = build(CausalSpeechConfig(), "cpu")
    own, partner = noise(0.8, 1), noise(0.8, 2)
    partner[:6400] = 0
    state = stage.start(blank_references())
    outputs = stage.step(AudioChunk(Header(), own[:6400], RATE, 0), state)
    outputs += stage.step(AudioChunk(Header(), own[6400:], RATE, 6400, partner[6400:]), state)
    outputs += stage.finish(state)
    got = np.concatenate([o.values for o in outputs])
    assert np.array_equal(got, features(stage, own, partner)[0])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lookahead_ms": 100}, "lookahead_ms=100"),
        ({"lookahead_ms": 30}, "lookahead_ms=30"),
        ({"encoder": "psychic"}, "encoder='psychic'"),
        ({"folder": "somewhere"}, "folder='somewhere': only wav2vec2"),
        ({"encoder": "wav2vec2", "width": 100}, "width=100"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(values, words):
    with pytest.raises(ValueError, match=words):
        CausalSpeechConfig(**values)
