from __future__ import annotations

import wave

import numpy as np
import pytest
from helpers.make_sound import loudest_hz, tone, write_sound

from talking_portrait_ros.audio.files import FileSource, read_sound

FORMATS = {
    "wav": ("pcm_s16le", "s16"),
    "float.wav": ("pcm_f32le", "flt"),
    "flac": ("flac", "s16"),
    "mp3": ("libmp3lame", "fltp"),
    "ogg": ("libopus", "s16"),
    "m4a": ("aac", "fltp"),
}


def write(folder, ending, channels, rate_hz):
    codec, sample_format = FORMATS[ending]
    return write_sound(folder / f"x.{ending}", channels, rate_hz, codec, sample_format)


@pytest.mark.parametrize("ending", FORMATS)
def test_any_format_rate_and_channel_count_becomes_mono_at_the_wanted_rate(tmp_path, ending):
    rate_hz = 48_000 if ending == "ogg" else 44_100
    left = tone(1000, rate_hz, rate_hz, 0.6)
    path = write(tmp_path, ending, np.stack([left, left / 3]), rate_hz)
    sound = read_sound(path)
    middle = sound[4000:12_000]
    assert len(sound) == pytest.approx(16_000, abs=2500)  # lossy codecs add up to two packets
    assert loudest_hz(middle, 16_000) == pytest.approx(1000, abs=3)
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(0.4, rel=0.06)  # LAME scales by 0.95


def test_a_file_read_in_odd_pieces_equals_the_whole(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 30_000)).astype(np.float32)
    path = write(tmp_path, "wav", noise, 22_050)
    whole, source, parts = read_sound(path), FileSource(path), []
    for n_samples in [1, 7, 320, 4801, 3, 50_000]:
        parts.append(source.read(n_samples))
    assert source.exhausted
    assert len(whole) == pytest.approx(30_000 * 16_000 / 22_050, abs=1)
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_samples_at_the_wanted_rate_come_through_unchanged(tmp_path):
    sound = tone(440, 5000)
    path = write(tmp_path, "float.wav", sound[None], 16_000)
    np.testing.assert_array_equal(read_sound(path), sound)


def test_a_file_says_it_is_exhausted_with_its_last_sample_and_not_before(tmp_path):
    source = FileSource(write(tmp_path, "wav", tone(440, 640)[None], 16_000))
    source.read(639)
    assert not source.exhausted
    assert len(source.read(1)) == 1
    assert source.exhausted
    assert not len(source.read(10))


def test_a_cleared_file_has_nothing_more_to_say(tmp_path):
    source = FileSource(write(tmp_path, "wav", tone(440, 16_000)[None], 16_000))
    source.read(100)
    source.clear()
    assert source.exhausted
    assert not len(source.read(100))


def test_a_missing_file_is_named():
    with pytest.raises(ValueError, match=r"'no/such\.wav' does not exist"):
        FileSource("no/such.wav")


def test_a_file_that_is_no_sound_is_refused(tmp_path):
    path = tmp_path / "text.wav"
    path.write_text("this is no sound" * 100)
    with pytest.raises(ValueError, match=r"text\.wav' cannot be read .*; give a sound"):
        read_sound(path)


def test_a_file_without_a_sound_track_is_refused(tmp_path):
    import cv2

    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="holds no sound track"):
        read_sound(path)


def test_zero_length_sound_is_refused(tmp_path):
    path = tmp_path / "nothing.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    with pytest.raises(ValueError, match="zero length"):
        read_sound(path)


def test_nan_in_a_file_is_refused_with_its_position(tmp_path):
    sound = tone(440, 3000)
    sound[1500] = np.nan
    path = write(tmp_path, "float.wav", sound[None], 16_000)
    with pytest.raises(ValueError, match="NaN or infinite"):
        read_sound(path)
