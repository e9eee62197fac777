"""Text to sound with phoneme times, from an espeak-ng process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from talking_portrait_ros.audio import espeak_process
from talking_portrait_ros.audio.speech import SpeechRequest, synthesise, synthesise_all


@pytest.fixture(scope="module")
def utterance():
    return synthesise("Mama. Papa.")


def test_phonemes_cover_the_sound_in_order(utterance):
    edges = [(p.start_s, p.end_s) for p in utterance.phonemes]
    assert all(start < end for start, end in edges)
    assert all(a[1] == b[0] for a, b in zip(edges, edges[1:], strict=False))
    assert edges[-1][1] == pytest.approx(len(utterance.samples) / utterance.sample_rate_hz)
    said = "".join(p.ipa[:1] for p in utterance.phonemes)
    assert said.startswith("m") and said.count("m") == 2 and said.count("p") == 2


def test_vowels_are_loud_and_pauses_are_quiet_where_the_times_say(utterance):
    def rms(ipa_starts):
        rate = utterance.sample_rate_hz
        parts = [
            utterance.samples[int(p.start_s * rate) : int(p.end_s * rate)]
            for p in utterance.phonemes
            if p.ipa[:1] in ipa_starts
        ]
        return np.sqrt(np.mean(np.concatenate(parts) ** 2))

    assert rms({"ɑ", "ɐ", "a", "ə"}) > 20 * rms({""})


def test_one_process_answers_many_requests_like_single_ones():
    requests = [SpeechRequest("One.", speed_wpm=200), SpeechRequest("Zwei.", voice="de+f3")]
    one, two = synthesise_all(requests)
    again = synthesise("One.", speed_wpm=200)
    assert np.array_equal(one.samples, again.samples) and one.phonemes == again.phonemes
    assert len(two.phonemes) >= 3


def test_an_unknown_voice_is_refused_and_some_voices_are_named():
    with pytest.raises(ValueError, match="voice='elvish' does not exist.*en-us"):
        synthesise("Hello.", voice="elvish")


@pytest.mark.parametrize("voice", ["en-gb", "en-gb+f2", "fr-fr", "de+m3", "pt"])
def test_voices_are_found_by_language_with_and_without_variant(voice):
    assert len(synthesise("Ba.", voice=voice).samples) > 2000


def test_words_of_another_language_do_not_leave_its_name_among_the_phonemes():
    said = synthesise("Привет, my friend.", voice="ru").phonemes
    assert len(said) > 8 and not any("(" in phoneme.ipa for phoneme in said)


@pytest.mark.parametrize("field, value", [("text", "  "), ("speed_wpm", 5), ("pitch", 120)])
def test_bad_requests_are_refused_by_field(field, value):
    with pytest.raises(ValueError, match=f"{field}="):
        SpeechRequest(**{"text": "Hello.", field: value})


def test_a_machine_without_espeak_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(espeak_process, "SYSTEM_LIBRARY", "libabsent.so.1")
    monkeypatch.setattr(espeak_process, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="espeak-ng is not here; install the Debian package"):
        espeak_process.Espeak()


def test_the_wheel_speaks_where_the_system_library_is_absent():
    pytest.importorskip("espeakng_loader")
    code = (
        "from talking_portrait_ros.audio import espeak_process as e;"
        "e.SYSTEM_LIBRARY = 'libabsent.so.1';"
        "sound, phonemes = e.Espeak().speak(dict(text='Hi', voice='en-us', speed_wpm=170,"
        " pitch=50, pitch_range=50));"
        "assert len(sound) > 4000 and len(phonemes) > 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_library_never_enters_this_process(utterance):
    assert "espeak" not in Path("/proc/self/maps").read_text()
