"""Whole conversations, spoken by the synthesisers that are installed."""

from __future__ import annotations

import numpy as np
import pytest

from talking_portrait_ros.training.conversations.dialogue import (
    TRAINING_VOICES,
    VALIDATION_VOICES,
    lines,
    voices_of,
)
from talking_portrait_ros.training.conversations.making import conversation, conversations
from talking_portrait_ros.training.conversations.timeline import Person, Talk

if not voices_of(validation=False):
    pytest.skip("no synthesiser is installed", allow_module_level=True)


def test_the_same_seed_makes_the_same_conversation() -> None:
    first, second = (conversation(5, "dialogue", 250, False) for _ in range(2))
    np.testing.assert_array_equal(first.speaker, second.speaker)
    np.testing.assert_array_equal(first.motion, second.motion)
    assert first.name == second.name


def test_speech_is_where_the_sound_is() -> None:
    one = conversation(3, "monologue", 500, False)
    loud = (one.speaker.reshape(-1, 640) ** 2).mean(axis=1)
    assert loud[one.speaking].mean() > 20 * loud[~one.speaking].mean()
    assert not one.partner_speaking.any()


def test_somebody_who_listens_is_never_said_to_speak() -> None:
    one = conversation(4, "partner_alone", 500, False)
    assert one.partner_speaking.any()
    assert not one.speaking.any()


def test_a_pack_is_as_long_as_was_asked_for() -> None:
    made = list(conversations(0.3, 1, validation=True))
    assert sum(one.n_frames for one in made) == 450


def test_no_minutes_are_refused() -> None:
    with pytest.raises(ValueError, match="minutes=0"):
        next(conversations(0, 1, validation=False))


def test_validation_hears_voices_and_phrases_of_its_own() -> None:
    assert not set(TRAINING_VOICES) & set(VALIDATION_VOICES)
    generator = np.random.default_rng(1)
    said = [
        {line.text for line in lines("en-us", 300, side, generator) if line.kind == "phrase"}
        for side in (False, True)
    ]
    assert not said[0] & said[1]


def test_nobody_talks_over_themselves_and_an_interrupted_word_is_cut() -> None:
    generator = np.random.default_rng(2)
    voices = voices_of(validation=False)[:2]
    talk = Talk([Person(voice, False, generator) for voice in voices], generator)
    talk.run("dialogue", 240.0)
    for track in talk.said:
        for before, after in zip(track, track[1:], strict=False):
            assert after.start_s >= before.end_s
    one = talk.said[0][0]
    middle = one.start_s + 0.4
    cut = one.cut(middle)
    assert cut.end_s <= middle
    assert len(cut.samples) == int(0.4 * 16_000)
