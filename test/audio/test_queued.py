from __future__ import annotations

import numpy as np
import pytest
from helpers.make_sound import loudest_hz, tone

from talking_portrait_ros.audio.queued import QueueSource, SpeechSource


def test_pushed_sound_of_irregular_chunks_comes_out_whole():
    sound = tone(300, 5000)
    source = QueueSource()
    for piece in np.split(sound, [3, 900, 901, 3333]):
        source.push(piece, 16_000)
    source.end()
    parts = []
    while not source.exhausted:
        parts.append(source.read(77))
    np.testing.assert_array_equal(np.concatenate(parts), sound)


def test_int16_stereo_at_another_rate_is_taken():
    source = QueueSource()
    mono = (tone(1000, 48_000, 48_000) * 32_767).astype(np.int16)
    for piece in np.split(np.stack([mono, mono], 1), 50):
        source.push(piece, 48_000, 2)
    source.end()
    sound = source.read(20_000)
    assert len(sound) == 16_000
    assert loudest_hz(sound, 16_000) == pytest.approx(1000, abs=2)
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.01)


def test_the_rate_may_change_between_chunks_without_loss():
    source = QueueSource()
    source.push(tone(500, 24_000, 24_000), 24_000)
    source.push(tone(500, 8000, 8000), 8000)
    source.end()
    assert len(source.read(40_000)) == 32_000


def test_flooding_refuses_the_newest_and_keeps_what_is_there():
    source = QueueSource(max_seconds=1.0)
    source.push(np.full(16_000, 0.1, np.float32), 16_000)
    for _ in range(100):
        with pytest.raises(ValueError, match="the queue is full"):
            source.push(np.full(320, 0.9, np.float32), 16_000)
    assert source.refused_samples == 100 * 320
    assert len(source) == 16_000
    assert source.read(20_000).max() == np.float32(0.1)


def test_a_live_queue_keeps_the_newest_so_that_a_fast_sender_adds_no_delay():
    source = QueueSource(max_seconds=0.2, when_full="drop_oldest")
    for k in range(100):
        source.push(np.full(320, k / 100, np.float32), 16_000)
    assert len(source) == 3200
    assert source.dropped_samples == 100 * 320 - 3200
    assert source.read(3200)[-1] == np.float32(0.99)


@pytest.mark.parametrize(
    ("samples", "rate_hz", "n_channels", "complaint"),
    [
        (np.zeros(0, np.int16), 16_000, 1, "zero-length"),
        (np.array([np.nan], np.float32), 16_000, 1, "NaN"),
        (np.zeros(10, np.int16), 17, 1, "sample_rate_hz=17"),
        (np.zeros(320, np.int16), 0, 1, "sample_rate_hz=0"),
        (np.zeros(10, np.int16), 16_000, 9, "9 channels"),
        (np.zeros(10, np.int32), 16_000, 1, "int32"),
    ],
)
def test_bad_chunks_are_refused_and_change_nothing(samples, rate_hz, n_channels, complaint):
    source = QueueSource(start_ms=0)
    source.push(tone(440, 320), 16_000)
    with pytest.raises(ValueError, match=complaint):
        source.push(samples, rate_hz, n_channels)
    np.testing.assert_array_equal(source.read(1000), tone(440, 320))


def test_a_stream_that_ran_dry_gathers_sound_before_it_starts_again():
    source = QueueSource(start_ms=40)
    source.push(tone(440, 320), 16_000)
    assert not len(source.read(320))
    source.push(tone(440, 320), 16_000)
    assert len(source.read(320)) == 320


def test_a_short_beginning_waits_no_longer_than_it_would_take_to_gather():
    source = QueueSource(start_ms=40)
    source.push(tone(440, 100), 16_000)
    assert [len(source.read(320)) for _ in range(4)] == [0, 0, 100, 0]


def test_clear_empties_the_queue_and_lets_new_sound_in():
    source = QueueSource(start_ms=0)
    source.push(tone(440, 44_100, 44_100), 44_100)
    source.clear()
    assert not len(source)
    source.push(tone(200, 320), 16_000)
    np.testing.assert_array_equal(source.read(320), tone(200, 320))
    assert not source.exhausted


def test_texts_are_spoken_one_after_the_other():
    source = SpeechSource()
    source.say("One.")
    first = len(source)
    source.say("Two.")
    source.end()
    sound = source.read(100 * 16_000)
    assert 2000 < first < len(sound)
    assert np.abs(sound).max() > 0.05
    assert source.exhausted


@pytest.mark.parametrize("text", ["  ", "...", "?! -"])
def test_a_text_without_letters_or_digits_is_refused(text):
    with pytest.raises(ValueError, match="nothing to say"):
        SpeechSource().say(text)
