"""Log-mel features and voice activity; the contract suite covers streaming, clock and memory."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from talking_portrait_ros.audio.speech import synthesise
from talking_portrait_ros.chunks import AudioChunk, Header
from talking_portrait_ros.features.log_mel import LogMelConfig, build
from talking_portrait_ros.features.log_mel.mel import SlotState, push_samples
from talking_portrait_ros.synthetic import blank_references
from talking_portrait_ros.training import sounds

RATE = 16_000
LOOKAHEADS = (0, 60, 200, 400)


def run(stage, samples, chunk_length=None, header=None):
    state = stage.start(blank_references())
    step = chunk_length or max(1, len(samples))
    outputs = []
    for first in range(0, len(samples), step):
        chunk = AudioChunk(header or Header(), samples[first : first + step], RATE, first)
        outputs += stage.step(chunk, state)
    return outputs + stage.finish(state)


def features(stage, samples, chunk_length=None):
    outputs = run(stage, samples, chunk_length)
    return (np.concatenate([o.values for o in outputs]),
            np.concatenate([o.speech for o in outputs]))  # fmt: skip


def noise(seconds, seed=0, rms=0.05):
    generator = np.random.default_rng(seed)
    return (rms * generator.standard_normal(int(seconds * RATE))).astype(np.float32)


@pytest.fixture(scope="module")
def speech():
    """1 s of silence, 3 to 5 s of speech from sample 16000 on, 2 s of silence."""
    utterance = synthesise("The quick brown fox jumps over the lazy dog, and my mother laughs.")
    spoken = soxr.resample(utterance.samples, utterance.sample_rate_hz, RATE)
    spoken = spoken[: int(RATE * utterance.phonemes[-2].end_s)]
    return np.concatenate([np.zeros(RATE), spoken, np.zeros(2 * RATE)]).astype(np.float32)


@pytest.mark.parametrize("chunk_length", [1, 160, 637, 3200])
def test_features_are_the_same_bit_for_bit_however_the_sound_is_cut(chunk_length):
    stage = build(LogMelConfig(lookahead_ms=60), "cpu")
    whole = features(stage, noise(0.5))
    cut = features(stage, noise(0.5), chunk_length)
    assert all(np.array_equal(a, b) for a, b in zip(whole, cut, strict=True))


@pytest.mark.parametrize("lookahead_ms", LOOKAHEADS)
def test_a_frame_depends_on_exactly_the_declared_lookahead(lookahead_ms):
    stage = build(LogMelConfig(lookahead_ms=lookahead_ms), "cpu")
    frame = 5
    end = 640 * (frame + 1) + stage.clock.lookahead_samples
    assert stage.clock.lookahead_samples == 16 * lookahead_ms
    sound = noise(1)
    expected = features(stage, sound)[0][frame]
    for position, differs in ((end - 1, True), (end, False)):
        changed = sound.copy()
        changed[position] += 0.9
        got = features(stage, changed)[0][frame]
        assert (not np.array_equal(got, expected)) == differs


def test_a_longer_lookahead_shows_the_same_slots_earlier():
    now, ahead = (features(build(LogMelConfig(lookahead_ms=ms), "cpu"), noise(1))[0]
                  for ms in (0, 80))  # fmt: skip
    assert np.array_equal(ahead[:20], now[2:22])


def test_frames_cover_the_sound_and_the_last_one_is_completed_with_silence():
    stage = build(LogMelConfig(), "cpu")
    outputs = run(stage, noise(0.99), 1000)
    assert sum(o.n_frames for o in outputs) == 25
    assert [o.header.end_of_stream for o in outputs] == [False] * (len(outputs) - 1) + [True]
    padded = features(stage, np.concatenate([noise(0.99), np.zeros(2000, np.float32)]))[0]
    assert np.array_equal(features(stage, noise(0.99))[0], padded[:25])


def test_an_empty_stream_gives_one_empty_chunk_at_the_end():
    (only,) = run(build(LogMelConfig(), "cpu"), np.zeros(0, np.float32))
    assert only.n_frames == 0 and only.header.end_of_stream


def test_stamps_epoch_and_ledger_follow_the_chunk_that_completes_a_frame():
    stage = build(LogMelConfig(lookahead_ms=0), "cpu")
    state = stage.start(blank_references())
    sound = noise(0.1)
    stage.step(AudioChunk(Header(stamp_ns=7_000_000_000), sound[:500], RATE, 0), state)
    later = Header(7_000_000_000 + 31_250_000, epoch=3, end_of_stream=True).spend("audio", 2.0)
    (out,) = stage.step(AudioChunk(later, sound[500:], RATE, 500), state)
    assert out.first_frame == 0 and out.header.stamp_ns == 7_000_000_000
    assert out.header.epoch == 3 and out.header.ledger.entries == (("audio", 2.0),)
    assert not out.header.end_of_stream


def test_other_rates_and_gaps_are_refused_and_leave_the_state_as_it_was():
    stage = build(LogMelConfig(), "cpu")
    state = stage.start(blank_references())
    with pytest.raises(ValueError, match="sample_rate_hz=44100, expected 16000; resample"):
        stage.step(AudioChunk(Header(), noise(0.1), 44_100, 0), state)
    with pytest.raises(ValueError, match="first_sample=99, expected 0"):
        stage.step(AudioChunk(Header(), noise(0.1), RATE, 99), state)
    assert state.next_sample == 0


def test_the_first_word_after_a_minute_of_silence_sounds_like_any_other(speech):
    words = speech[RATE : 2 * RATE]
    waited, fresh = SlotState(), SlotState()
    push_samples(np.zeros(60 * RATE, np.float32), waited)
    push_samples(np.zeros(RATE // 2, np.float32), fresh)
    apart = np.abs(push_samples(words, waited) - push_samples(words, fresh))
    assert apart.max() < 0.1


@pytest.mark.parametrize("lookahead_ms", LOOKAHEADS)
def test_voice_activity_is_on_time_for_every_lookahead(speech, lookahead_ms):
    heard = features(build(LogMelConfig(lookahead_ms=lookahead_ms), "cpu"), speech)[1] > 0.5
    first, last = np.flatnonzero(heard)[[0, -1]]
    end = (len(speech) - 2 * RATE) / 640
    assert abs(first - 25) <= 5
    assert -4 <= last - end <= 4
    assert heard[first:last].mean() > 0.9


@pytest.mark.parametrize("snr_db", [20, 10])
def test_voice_activity_hears_speech_in_noise(speech, snr_db):
    loud = np.sqrt(np.mean(speech[RATE : -2 * RATE] ** 2))
    noisy = speech + noise(len(speech) / RATE, 1, loud * 10 ** (-snr_db / 20))[: len(speech)]
    heard = features(build(LogMelConfig(lookahead_ms=60), "cpu"), noisy)[1] > 0.5
    assert heard[28:-54].mean() > 0.8
    assert heard[:22].mean() < 0.2 and heard[-40:].mean() < 0.2


@pytest.mark.parametrize("make", [sounds.noise, sounds.music])
def test_noise_and_music_are_no_speech(make):
    stage = build(LogMelConfig(lookahead_ms=60), "cpu")
    shares = []
    for seed in range(100, 106):
        sound = make(4 * RATE, np.random.default_rng(seed))
        shares.append((features(stage, sound)[1] > 0.5).mean())
    assert np.mean(shares) < 0.1


@pytest.mark.parametrize("lookahead_ms", [-20, 30, 500])
def test_lookaheads_off_the_grid_are_refused_by_name(lookahead_ms):
    with pytest.raises(ValueError, match=f"lookahead_ms={lookahead_ms}"):
        LogMelConfig(lookahead_ms=lookahead_ms)
