"""The behaviour model reacts to what has been heard, and to nothing that comes later."""

from __future__ import annotations

import numpy as np
import pytest

from talking_portrait_ros.audio.speech import Phoneme
from talking_portrait_ros.spaces import INDEX, MOTION_NAMES
from talking_portrait_ros.training.conversations.behaviour import LATENCY_S, Performance
from talking_portrait_ros.training.conversations.timeline import RATE_HZ, Said
from talking_portrait_ros.training.conversations.track import Track

N_FRAMES = 1500
FREE = [i for i, name in enumerate(MOTION_NAMES) if name.startswith(("brow", "cheek"))]
FREE += [INDEX["headPitch"], INDEX["headRoll"]]
"""Neither the mouth, which prepares for the next sound, nor look and lids, whose chance is drawn
anew with every change of the own speech."""


def said(start_s: float, length_s: float = 2.0, kind: str = "phrase") -> Said:
    """A voice that says "mamama", louder and louder."""
    generator = np.random.default_rng(int(100 * start_s))
    n_sounds = int(length_s / 0.1)
    phonemes = [
        Phoneme(start_s + 0.1 * i, start_s + 0.1 * (i + 1), "ma"[i % 2]) for i in range(n_sounds)
    ]
    loud = np.linspace(0.05, 0.3, int(length_s * RATE_HZ))
    sound = (loud * generator.standard_normal(len(loud))).astype(np.float32)
    return Said(kind, start_s, sound, tuple(phonemes))  # type: ignore[arg-type]


def talk(*starts: float) -> Track:
    return Track([said(start) for start in starts], N_FRAMES)


OWN, PARTNER = talk(1.0, 15.0, 45.0), talk(5.0, 9.0, 20.0, 24.0, 28.0, 33.0, 37.0, 50.0, 54.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_the_partner_says_later_changes_nothing_before(seed: int) -> None:
    whole = Performance(OWN, PARTNER, seed).motion
    shortened = Performance(OWN, Track(PARTNER.said[:4], N_FRAMES), seed).motion
    until = int(28.0 * 25)
    np.testing.assert_array_equal(whole[:until], shortened[:until])
    assert not np.array_equal(whole, shortened)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_the_face_says_later_moves_neither_brows_nor_head_before(seed: int) -> None:
    whole = Performance(OWN, PARTNER, seed).motion
    shortened = Performance(Track(OWN.said[:2], N_FRAMES), PARTNER, seed).motion
    until = int((45.0 - 0.06) * 25)
    np.testing.assert_array_equal(whole[:until, FREE], shortened[:until, FREE])


def test_nods_follow_phrase_ends_of_the_partner_and_only_while_listening() -> None:
    nods, ends = [], np.array(PARTNER.phrase_ends)
    for seed in range(8):
        found = Performance(OWN, PARTNER, seed).events["nod"]
        nods += found
        delays = [nod - ends[ends <= nod].max() for nod in found]
        assert all(LATENCY_S[0] <= delay <= LATENCY_S[1] for delay in delays)
    assert 0.3 < len(nods) / (8 * len(ends)) < 0.7
    assert not Performance(OWN, talk(), 1).events["nod"]


def test_the_mouth_is_shut_while_only_the_partner_speaks() -> None:
    jaw = Performance(OWN, PARTNER, 1).motion[:, INDEX["jawOpen"]]
    assert jaw[int(1.1 * 25) : int(2.9 * 25)].max() > 0.3
    assert jaw[int(3.4 * 25) : int(14.8 * 25)].max() == 0


def test_the_face_is_smooth_and_the_head_stays_within_bounds() -> None:
    motion = Performance(OWN, PARTNER, 4).motion
    assert np.isfinite(motion).all()
    assert motion[:, :52].min() >= 0
    assert motion[:, :52].max() <= 1
    head = motion[:, [INDEX["headPitch"], INDEX["headYaw"], INDEX["headRoll"]]]
    assert np.abs(head).max() < 0.22
    assert np.abs(np.diff(head, n=2, axis=0)).max() < 0.04


def test_laughter_is_answered_by_a_smile() -> None:
    laughing = Track([said(20.0, 1.0, "laugh")], N_FRAMES)
    smile = Performance(talk(), laughing, 1).motion[:, INDEX["mouthSmileLeft"]]
    assert smile[int(20.3 * 25)] < 0.1
    assert smile[int(21.5 * 25)] > 0.25


def test_the_end_of_a_phrase_needs_a_pause() -> None:
    joined = Track([said(5.0), said(7.1)], N_FRAMES)
    assert joined.phrase_ends == pytest.approx([9.1])
    assert talk(5.0, 9.0).phrase_ends == pytest.approx([7.0, 11.0])
