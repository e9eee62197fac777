"""A conversation of two sound files."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from talking_portrait_ros.evaluation.two_tracks import phrase_ends, read_conversation


def write(path: Path, sound: np.ndarray) -> str:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((32_000 * sound).astype("<i2").tobytes())
    return str(path)


def test_phrases_are_long_enough_and_end_in_a_pause() -> None:
    speaking = np.zeros(200, bool)
    speaking[10:40] = speaking[43:60] = True  # 3 frames are no pause
    speaking[80:90] = True  # too short
    speaking[150:200] = True  # not over yet
    assert phrase_ends(speaking).tolist() == [59]


def test_two_files_become_one_conversation_of_the_longer_length(tmp_path: Path) -> None:
    from talking_portrait_ros.training.conversations.making import conversation

    spoken = conversation(3, "partner_alone", 250, validation=True)
    own = write(tmp_path / "own.wav", np.zeros(16_000))
    partner = write(tmp_path / "partner.wav", spoken.partner)
    made = read_conversation(own, partner)
    assert made.n_frames == 250
    assert not made.speaking.any()
    agreed = np.mean(made.partner_speaking == spoken.partner_speaking)
    assert agreed > 0.85


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no\.wav"):
        read_conversation("no.wav", "no.wav")
