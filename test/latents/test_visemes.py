"""The label model: where the mouth is while something is said."""

from __future__ import annotations

import numpy as np
import pytest

from talking_portrait_ros.audio.speech import Phoneme
from talking_portrait_ros.latents.audio_regression.visemes import (
    ARTICULATORS,
    REST,
    VISEMES,
    articulation,
)
from talking_portrait_ros.training.voices import ARPABET

OPENING, SPREAD, PRESS, TUCK, FUNNEL = range(len(ARTICULATORS))


def said(*symbols, each_s=0.1):
    """Phonemes of equal length, one after the other."""
    return [Phoneme(i * each_s, (i + 1) * each_s, ipa) for i, ipa in enumerate(symbols)]


def at(phonemes, *times_s):
    return articulation(phonemes, np.float32(times_s))


def test_vowels_open_and_labials_between_them_close():
    ama = at(said("a", "m", "a"), 0.05, 0.15, 0.25)
    assert ama[0, OPENING] > 0.6 and ama[2, OPENING] > 0.6
    assert ama[1, OPENING] < 0.1 and ama[1, PRESS] > 0.7


@pytest.mark.parametrize("symbol, articulator, sign", [
    ("u", SPREAD, -1), ("i", SPREAD, 1), ("f", TUCK, 1), ("ʃ", FUNNEL, 1), ("w", SPREAD, -1),
])  # fmt: skip
def test_each_sound_moves_its_articulator(symbol, articulator, sign):
    target = at(said("ə", symbol, "ə"), 0.15)[0, articulator]
    assert sign * target > 0.4


def test_neighbours_colour_a_weak_consonant_more_than_a_strong_one():
    def change(consonant):
        return abs(at(said("a", consonant, "a"), 0.15) - at(said("u", consonant, "u"), 0.15))

    assert change("k")[0, OPENING] > 3 * change("p")[0, OPENING]


def test_a_diphthong_moves_from_one_vowel_to_the_other():
    first, second = at(said("aɪ", each_s=0.3), 0.05, 0.25)[:, OPENING]
    assert first > second + 0.2


def test_length_and_stress_marks_do_not_matter():
    assert np.array_equal(at(said("ɑː"), 0.05), at(said("ɑ"), 0.05))


def test_long_pauses_close_and_short_ones_stay_half_open():
    long = [Phoneme(0, 0.2, "a"), Phoneme(0.2, 2.2, ""), Phoneme(2.2, 2.4, "a")]
    assert at(long, 1.2)[0, OPENING] < 0.05
    short = [Phoneme(0, 0.2, "a"), Phoneme(0.2, 0.5, ""), Phoneme(0.5, 0.7, "a")]
    assert 0.2 < at(short, 0.35)[0, OPENING] < 0.6


def test_pauses_in_pieces_are_one_pause():
    whole = [Phoneme(0, 0.2, "a"), Phoneme(0.2, 1.2, "")]
    pieces = [whole[0], Phoneme(0.2, 0.7, ""), Phoneme(0.7, 1.2, "")]
    times = np.arange(0, 1.2, 0.05)
    assert np.array_equal(at(pieces, *times), at(whole, *times))


def test_nothing_said_is_rest():
    assert np.allclose(at([], 0.0, 1.0), REST.target)


def test_every_phone_of_the_other_engines_has_a_viseme():
    for phone, ipa in ARPABET.items():
        assert phone == "pau" or any(symbol in VISEMES for symbol in (ipa, *ipa)), phone
