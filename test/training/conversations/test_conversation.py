from pathlib import Path

import numpy as np
import pytest

from talking_portrait_ros.training.conversations.conversation import (
    Conversation,
    load_pack,
    save_pack,
)


def _conversation(n_frames: int, seed: int) -> Conversation:
    generator = np.random.default_rng(seed)
    time_s = np.arange(640 * n_frames) / 16_000
    return Conversation(
        speaker=(0.3 * np.sin(2 * np.pi * 220 * time_s)).astype(np.float32),
        partner=np.zeros(640 * n_frames, np.float32),
        motion=generator.random((n_frames, 58), np.float32),
        speaking=generator.random(n_frames) < 0.5,
        partner_speaking=np.zeros(n_frames, bool),
        partner_phrase_ends=np.array([3, 7], np.int64),
        events={"nod": np.array([seed], np.int64)},
        name=f"conversation {seed}",
    )


def test_a_pack_gives_back_what_was_saved(tmp_path: Path) -> None:
    saved = [_conversation(25, 1), _conversation(40, 2)]
    save_pack(tmp_path / "pack.safetensors", saved)
    loaded = load_pack(tmp_path / "pack.safetensors")
    for before, after in zip(saved, loaded, strict=True):
        assert after.name == before.name
        assert np.abs(after.motion - before.motion).max() < 1e-3
        assert np.corrcoef(after.speaker, before.speaker)[0, 1] > 0.98
        assert not after.partner.any()
        np.testing.assert_array_equal(after.speaking, before.speaking)
        np.testing.assert_array_equal(after.partner_phrase_ends, before.partner_phrase_ends)
        np.testing.assert_array_equal(after.events["nod"], before.events["nod"])


def test_tracks_of_another_length_than_the_motion_are_refused() -> None:
    whole = _conversation(25, 1)
    with pytest.raises(ValueError, match=r"Conversation.partner has shape \(639,\)"):
        Conversation(**{**vars(whole), "partner": np.zeros(639, np.float32)})


def test_another_file_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a pack of conversations"):
        load_pack(tmp_path / "nothing.safetensors")
