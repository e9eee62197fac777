"""The voices of the corpus: espeak-ng, and flite and festival where they are installed.

Each voice says its sentences as `Utterance`s with phonemes in IPA. All three engines run as
programs of their own.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from talking_portrait_ros.audio.speech import Phoneme, SpeechRequest, Utterance, synthesise_all
from talking_portrait_ros.training.texts import sentence


@dataclass(frozen=True)
class Voice:
    """One voice of one engine ("espeak", "flite", "festival")."""

    engine: str
    name: str

    @property
    def language(self) -> str:
        """Language of the sentences that it says."""
        return self.name.split("+")[0] if self.engine == "espeak" else "en-us"


@dataclass(frozen=True)
class Manner:
    """How something is said.

    Attributes:
        speed_wpm: words per minute, pitch: 0 to 99, pitch_range: liveliness; espeak-ng only.
        stretch: of all durations; flite and festival only.
    """

    speed_wpm: int = 170
    pitch: int = 50
    pitch_range: int = 50
    stretch: float = 1.0

    @classmethod
    def draw(cls, voice: Voice, generator: np.random.Generator) -> Manner:
        """Any usual manner."""
        if voice.engine == "espeak":
            return cls(
                speed_wpm=int(generator.integers(125, 215)),
                pitch=int(generator.integers(25, 75)),
                pitch_range=int(generator.integers(30, 80)),
            )
        return cls(stretch=float(generator.uniform(0.85, 1.25)))


VOICES: tuple[Voice, ...] = (
    *(Voice("espeak", name) for name in (
        "en-us", "en-us+f3", "en-us+m3", "en+f2", "en-gb-scotland", "en+m7",
        "de", "fr+f3", "es", "it+f2", "nl+m4", "pt+f4", "pl", "ru+m2")),
    *(Voice("flite", name) for name in ("slt", "rms", "awb", "kal16")),
    Voice("festival", "kal_diphone"),
)  # fmt: skip

ESPEAK_LATE_S = 0.02  # measured: vowels against the loudness of the sound

ARPABET: dict[str, str] = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "axr": "ɚ", "ay": "aɪ",
    "b": "b", "ch": "tʃ", "d": "d", "dh": "ð", "dx": "ɾ", "eh": "ɛ", "el": "əl", "em": "əm",
    "en": "ən", "er": "ɝ", "ey": "eɪ", "f": "f", "g": "ɡ", "hh": "h", "hv": "h", "ih": "ɪ",
    "iy": "i", "jh": "dʒ", "k": "k", "l": "l", "m": "m", "n": "n", "ng": "ŋ", "nx": "n",
    "ow": "oʊ", "oy": "ɔɪ", "p": "p", "r": "ɹ", "s": "s", "sh": "ʃ", "t": "t", "th": "θ",
    "uh": "ʊ", "uw": "u", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ", "pau": "",
}  # fmt: skip


def available(voices: Sequence[Voice] = VOICES) -> list[Voice]:
    """The voices whose engine is installed (espeak-ng says itself when it is not)."""
    return [v for v in voices if v.engine == "espeak" or shutil.which(v.engine)]


def speak(voice: Voice, n_utterances: int, seed: int) -> Iterator[Utterance]:
    """`n_utterances` sentences in a voice, at several speeds and pitches."""
    generator = np.random.default_rng(seed)
    texts = [sentence(voice.language, generator) for _ in range(n_utterances)]
    yield from say_all(voice, [(text, Manner.draw(voice, generator)) for text in texts])


def say_all(voice: Voice, lines: Sequence[tuple[str, Manner]]) -> Iterator[Utterance]:
    """Each text in its manner, in order."""
    if voice.engine == "espeak":
        requests = [
            SpeechRequest(text, voice.name, manner.speed_wpm, manner.pitch, manner.pitch_range)
            for text, manner in lines
        ]
        yield from (replace(said, phonemes=_on_time(said.phonemes))
                    for said in synthesise_all(requests))  # fmt: skip
        return
    say = _flite if voice.engine == "flite" else _festival
    for text, manner in lines:
        yield say(voice.name, text, manner.stretch)


def _on_time(phonemes: Sequence[Phoneme]) -> tuple[Phoneme, ...]:
    """The phonemes of espeak-ng with the borders between two sounds where they are heard.

    Borders with a pause are exact; the others are reported `ESPEAK_LATE_S` late.
    """
    phonemes = list(phonemes)
    for index in range(1, len(phonemes)):
        before, after = phonemes[index - 1 : index + 1]
        if before.ipa and after.ipa:
            border_s = max(after.start_s - ESPEAK_LATE_S, (before.start_s + before.end_s) / 2)
            phonemes[index - 1] = replace(before, end_s=border_s)
            phonemes[index] = replace(after, start_s=border_s)
    return tuple(phonemes)


def _flite(name: str, text: str, stretch: float) -> Utterance:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.wav"
        command = ["flite", "-voice", name, "-psdur", "--setf", f"duration_stretch={stretch:.3f}",
                   "-t", text, "-o", str(path)]  # fmt: skip
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        pairs = [entry.rsplit(":", 1) for entry in said.split()]
        return _utterance(path, [(phone, float(end)) for phone, end in pairs])


def _festival(name: str, text: str, stretch: float) -> Utterance:
    with tempfile.TemporaryDirectory() as folder:
        sound, segments, script = (Path(folder) / part for part in ("a.wav", "a.segs", "a.scm"))
        script.write_text(
            f"(voice_{name}) (Parameter.set 'Duration_Stretch {stretch:.3f})\n"
            f'(set! u (utt.synth (Utterance Text "{text}")))\n'
            f'(utt.save.segs u "{segments}") (utt.save.wave u "{sound}" \'riff)\n'
        )
        subprocess.run(["festival", "-b", str(script)], check=True, capture_output=True)
        rows = [line.split() for line in segments.read_text().splitlines()[1:]]
        return _utterance(sound, [(row[2], float(row[0])) for row in rows])


def _utterance(path: Path, ends: list[tuple[str, float]]) -> Utterance:
    """A wave file and (phone, end in seconds) in order."""
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    starts = [0.0, *(end for _, end in ends)]
    phonemes = tuple(
        Phoneme(start, end, ARPABET[phone])
        for start, (phone, end) in zip(starts, ends, strict=False)
        if end > start
    )
    return Utterance(sound.astype(np.float32) / np.float32(32768), rate, phonemes)
