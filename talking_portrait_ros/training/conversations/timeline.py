"""Who says what when: turns, overlaps, interruptions, backchannels, laughter, pauses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Literal

import numpy as np
import soxr

from talking_portrait_ros.audio.speech import Phoneme, Utterance
from talking_portrait_ros.chunks import F32
from talking_portrait_ros.timebase import Timebase
from talking_portrait_ros.training.conversations.dialogue import Kind, Line, lines
from talking_portrait_ros.training.voices import Manner, Voice, say_all

RATE_HZ = Timebase().sample_rate_hz
OWN, PARTNER = 0, 1
FADE_S = 0.012  # of a word that is broken off
N_PHRASES = 14  # that a person has in stock; after the last the first comes again

Mode = Literal["dialogue", "listening", "monologue", "partner_alone", "quiet"]
MODES: tuple[Mode, ...] = (
    "dialogue", "listening", "monologue", "partner_alone", "quiet",
    "dialogue", "listening", "dialogue", "listening", "partner_alone",
)  # fmt: skip
"""Kinds of conversations, in turn."""


@dataclass(frozen=True)
class Said:
    """An utterance at its time: `samples` [n] at 16 kHz from `start_s` on; phonemes absolute."""

    kind: Kind
    start_s: float
    samples: F32
    phonemes: tuple[Phoneme, ...]

    @property
    def end_s(self) -> float:
        """When the last sound ends."""
        return max(p.end_s for p in self.phonemes if p.ipa)

    def cut(self, at_s: float) -> Said:
        """The same, broken off at `at_s` in the middle of whatever was said."""
        n = max(int((at_s - self.start_s) * RATE_HZ), 1)
        samples, n_fade = self.samples[:n].copy(), min(int(FADE_S * RATE_HZ), n)
        samples[n - n_fade :] *= np.linspace(1, 0, n_fade, dtype=np.float32)
        kept = [replace(p, end_s=min(p.end_s, at_s)) for p in self.phonemes if p.start_s < at_s]
        return replace(self, samples=samples, phonemes=tuple(kept))


class Person:
    """Somebody with a voice, a manner and a stock of things to say."""

    def __init__(self, voice: Voice, validation: bool, generator: np.random.Generator) -> None:
        manner = Manner.draw(voice, generator)
        stock = lines(voice.language, N_PHRASES, validation, generator)
        said = say_all(voice, [(line.text, _varied(line, manner, generator)) for line in stock])
        utterances = [_at_rate(utterance) for utterance in said]
        self.name = f"{voice.engine}/{voice.name}"
        self._stock: dict[Kind, Iterator[Utterance]] = {
            kind: cycle(
                [u for u, line in zip(utterances, stock, strict=True) if line.kind == kind]
            )
            for kind in ("phrase", "backchannel", "laugh")
        }

    def say(self, kind: Kind, start_s: float) -> Said:
        """The next thing of a kind."""
        utterance = next(self._stock[kind])
        moved = tuple(
            replace(p, start_s=p.start_s + start_s, end_s=p.end_s + start_s)
            for p in utterance.phonemes
        )
        return Said(kind, start_s, utterance.samples, moved)


class Talk:
    """The talk of two people, as it unfolds."""

    def __init__(self, people: Sequence[Person], generator: np.random.Generator) -> None:
        self.said: tuple[list[Said], list[Said]] = ([], [])
        self._people = people
        self._chance = generator
        self._free_s = [0.0, 0.0]

    def run(self, mode: Mode, length_s: float) -> None:
        """Fill `length_s`."""
        if mode == "quiet":
            return
        alone = mode in ("monologue", "partner_alone")
        holder = {"monologue": OWN, "partner_alone": PARTNER, "listening": PARTNER}.get(
            mode, int(self._chance.integers(2))
        )
        time_s = float(self._chance.uniform(0.5, 3.0))
        while time_s < length_s:
            time_s = self._turn(holder, time_s, not alone)
            listens = mode == "listening" and holder == PARTNER
            stays = alone or (listens and self._chance.random() < 0.8)
            if not stays and self._chance.random() < 0.85:
                holder = 1 - holder
            time_s += self._gap_s(alone)
        for track in self.said:
            track[:] = [said for said in track if said.end_s < length_s - 0.3]

    def _turn(self, holder: int, time_s: float, is_heard: bool) -> float:
        """One to four phrases, the other's replies to them; when the turn ends."""
        n_phrases = int(self._chance.integers(1, 5))
        for index in range(n_phrases):
            said = self._say(holder, "phrase", time_s)
            is_last = index == n_phrases - 1
            if is_last and is_heard and self._chance.random() < 0.12:
                return self._interrupted(holder)
            time_s = said.end_s
            if self._chance.random() < 0.06:
                time_s = self._laughter(holder, time_s, is_heard)
            elif is_heard and self._chance.random() < 0.35:
                self._say(1 - holder, "backchannel", time_s + self._chance.uniform(0.25, 0.5))
            if not is_last:
                time_s += float(self._chance.uniform(0.3, 1.0))
        return time_s

    def _interrupted(self, holder: int) -> float:
        """The other begins while the last phrase is still being said, and it is broken off."""
        said = self.said[holder].pop()
        share = self._chance.uniform(0.35, 0.8)
        begin_s = said.start_s + float(share) * (said.end_s - said.start_s)
        cut_s = begin_s + float(self._chance.uniform(0.15, 0.5))
        said = said.cut(cut_s) if cut_s < said.end_s else said
        self.said[holder].append(said)
        self._free_s[holder] = said.end_s
        self._say(1 - holder, "phrase", begin_s)
        return self._free_s[1 - holder]

    def _laughter(self, holder: int, time_s: float, is_heard: bool) -> float:
        said = self._say(holder, "laugh", time_s + float(self._chance.uniform(0.1, 0.3)))
        if is_heard and self._chance.random() < 0.5:
            self._say(1 - holder, "laugh", said.start_s + float(self._chance.uniform(0.3, 0.7)))
        return said.end_s

    def _say(self, who: int, kind: Kind, time_s: float) -> Said:
        said = self._people[who].say(kind, max(time_s, self._free_s[who] + 0.15))
        self.said[who].append(said)
        self._free_s[who] = said.end_s
        return said

    def _gap_s(self, alone: bool) -> float:
        """Between turns: mostly a little, now and then an overlap or a long silence."""
        if self._chance.random() < (0.25 if alone else 0.12):
            return float(self._chance.uniform(2.0, 5.0))
        return float(np.clip(self._chance.normal(0.3, 0.35), -0.5, 1.2))


def _varied(line: Line, manner: Manner, generator: np.random.Generator) -> Manner:
    """A person's manner changes a little from phrase to phrase."""
    if line.kind == "laugh":
        return replace(manner, speed_wpm=min(manner.speed_wpm + 60, 260), pitch_range=90)
    speed = int(np.clip(manner.speed_wpm + generator.integers(-15, 16), 110, 230))
    pitch = int(np.clip(manner.pitch + generator.integers(-6, 7), 5, 95))
    stretch = manner.stretch * float(generator.uniform(0.92, 1.08))
    return replace(manner, speed_wpm=speed, pitch=pitch, stretch=stretch)


def _at_rate(utterance: Utterance) -> Utterance:
    """At 16 kHz, and as loud as all others while it is said."""
    sound = soxr.resample(utterance.samples, utterance.sample_rate_hz, RATE_HZ)
    loud = np.sqrt(np.mean(np.square(sound, dtype=np.float64)) + 1e-9)
    return replace(
        utterance, samples=np.asarray(0.08 * sound / loud, np.float32), sample_rate_hz=RATE_HZ
    )
