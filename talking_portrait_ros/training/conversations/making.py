"""Makes conversations: two voices talk, two microphones hear, one face performs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.training.conversations.behaviour import Performance
from talking_portrait_ros.training.conversations.conversation import Conversation
from talking_portrait_ros.training.conversations.dialogue import voices_of
from talking_portrait_ros.training.conversations.timeline import (
    MODES,
    OWN,
    PARTNER,
    Mode,
    Person,
    Talk,
)
from talking_portrait_ros.training.conversations.track import FRAME_S, Track, recorded
from talking_portrait_ros.training.corpus.chance import stream
from talking_portrait_ros.training.voices import Voice

LENGTH_S = (40.0, 90.0)
SHORTEST_S = 20.0
TTS_SHARE = 0.55  # of own tracks that come from a synthesiser: no room, no noise
ABSENT_SHARE = 0.5  # of the tracks of those who say nothing that are exactly silent


def conversations(minutes: float, seed: int, validation: bool) -> Iterator[Conversation]:
    """So many minutes of conversations, one by one.

    Args:
        minutes: how much in all.
        seed: same seed, same conversations.
        validation: voices and phrases that training never hears.

    Raises:
        ValueError: no positive number of minutes.
    """
    if not minutes > 0:
        raise ValueError(f"minutes={minutes}: must be more than 0")
    missing = round(60 * minutes / FRAME_S)
    number = 0
    while missing > 0:
        length_s = float(stream(seed, "length", number).uniform(*LENGTH_S))
        is_last = missing * FRAME_S < length_s + SHORTEST_S
        n_frames = missing if is_last else round(length_s / FRAME_S)
        own_seed = int(stream(seed, "of", number).integers(2**31))
        yield conversation(own_seed, MODES[number % len(MODES)], n_frames, validation)
        missing -= n_frames
        number += 1


def conversation(seed: int, mode: Mode, n_frames: int, validation: bool) -> Conversation:
    """One conversation of `n_frames` frames."""
    generator = stream(seed, "talk")
    people = [Person(voice, validation, generator) for voice in _pair(validation, generator)]
    talk = Talk(people, generator)
    talk.run(mode, n_frames * FRAME_S)
    own, partner = (Track(said, n_frames) for said in talk.said)
    performed = Performance(own, partner, seed)
    speaker, listener = _captured(own, partner, seed)
    ends = np.floor(np.asarray(partner.phrase_ends) / FRAME_S).astype(np.int64)
    return Conversation(
        speaker,
        listener,
        performed.motion,
        own.speaking(),
        partner.speaking(),
        ends[ends < n_frames],
        performed.event_frames(),
        f"{mode}: {people[OWN].name} and {people[PARTNER].name}, seed {seed}",
    )


def _pair(validation: bool, generator: np.random.Generator) -> list[Voice]:
    """Two voices of one language."""
    voices = voices_of(validation)
    first = voices[generator.integers(len(voices))]
    others = [v for v in voices if v.language[:2] == first.language[:2] and v != first]
    return [first, others[generator.integers(len(others))]]


def _captured(own: Track, partner: Track, seed: int) -> tuple[F32, F32]:
    """Both tracks of sound, each [n]; of those who say nothing some are exactly silent."""
    generator = stream(seed, "sound")
    is_tts, *are_absent = generator.random(3) < (TTS_SHARE, ABSENT_SHARE, ABSENT_SHARE)
    are_absent = [
        absent and not track.said for absent, track in zip(are_absent, (own, partner), strict=True)
    ]
    return (
        _silent(own) if are_absent[0] else recorded(own, partner, bool(is_tts), generator),
        _silent(partner) if are_absent[1] else recorded(partner, own, False, generator),
    )


def _silent(track: Track) -> F32:
    return np.zeros(track.n_samples, np.float32)
