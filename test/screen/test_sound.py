from __future__ import annotations

import numpy as np
import pytest
from helpers.make_sound import tone

from talking_portrait_ros.chunks import AudioChunk, Header
from talking_portrait_ros.screen.sound import SoundBuffer, fade_in, fade_out, stretched


def chunk(first_sample, samples, end=False):
    return AudioChunk(Header(end_of_stream=end), samples, 16_000, first_sample)


def filled(*chunks):
    buffer = SoundBuffer(32_000)
    for first_sample, samples in chunks:
        buffer.push(chunk(first_sample, samples))
    return buffer


def test_sound_is_found_by_position_whatever_the_chunks():
    sound = tone(300, 1000)
    buffer = filled((500, sound[:7]), (507, sound[7:400]), (900, sound[400:]))
    np.testing.assert_array_equal(buffer.at(500, 1000), sound)
    np.testing.assert_array_equal(buffer.at(700, 10), sound[200:210])


def test_what_is_not_there_is_silence_and_is_told():
    buffer = filled((0, np.ones(100, np.float32)), (150, np.ones(50, np.float32)))
    np.testing.assert_array_equal(buffer.at(90, 70), [1] * 10 + [0] * 50 + [1] * 10)
    assert buffer.missing(180, 100) == 80
    assert buffer.missing(0, 100) == 0


def test_a_chunk_that_comes_twice_changes_nothing():
    buffer = filled((0, np.ones(100, np.float32)), (0, np.zeros(100, np.float32)))
    assert buffer.end == 100
    assert buffer.at(0, 100).all()


@pytest.mark.parametrize("first_sample", [0, 1_000_000])
def test_a_jump_of_position_is_a_new_stream(first_sample):
    buffer = filled((100_000, np.ones(100, np.float32)), (first_sample, np.ones(10, np.float32)))
    assert buffer.missing(first_sample, 10) == 0
    assert buffer.missing(100_000, 100) == 100


def test_after_the_end_of_a_short_stream_the_next_one_may_begin_at_zero():
    buffer = SoundBuffer(32_000)
    buffer.push(chunk(0, np.zeros(100, np.float32), end=True))
    buffer.push(chunk(0, np.ones(100, np.float32)))
    assert buffer.at(0, 100).all()


def test_stretching_has_the_wanted_length_and_no_clicks():
    sound = tone(200, 640)
    steepest = np.abs(np.diff(sound)).max()
    for n_samples in (480, 600, 640, 700, 960):
        made = stretched(sound, n_samples)
        assert len(made) == n_samples
        assert np.abs(np.diff(made)).max() < 2 * steepest
        np.testing.assert_array_equal(made[-100:], sound[-100:])


def test_fades_begin_and_end_in_silence():
    loud = np.ones(640, np.float32)
    assert fade_in(loud)[0] < 0.01
    assert fade_in(loud)[80:].all()
    out = fade_out(loud, 300)
    assert len(out) == 300
    assert out[0] > 0.99
    assert not out[80:].any()
