"""The speech corpus: synthesised voices with phoneme times, made hard by rooms, noise and music.

Nothing recorded goes in. An *example* is a stretch of log-mel slots with, for each slot, the
articulators (label model of `latents/audio_regression/visemes.py`) and whether there is speech.
Everything follows from the seed; what is done is kept in the cache and not done again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soxr
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from talking_portrait_ros.audio.speech import Phoneme, Utterance
from talking_portrait_ros.chunks import F32
from talking_portrait_ros.config import Config, param
from talking_portrait_ros.features.log_mel.mel import SLOT, SlotState, push_samples
from talking_portrait_ros.latents.audio_regression.visemes import N_ARTICULATORS, articulation
from talking_portrait_ros.training import sounds
from talking_portrait_ros.training.voices import VOICES, Voice, available, speak

SLOT_S = SLOT / sounds.RATE_HZ
SHORT_GAP_S = 0.15  # a shorter pause is still speech to the voice activity
LONGEST_PAD_S = 1.4
WARP = 0.18


@dataclass(frozen=True)
class SpeechCorpusConfig(Config):
    """How much is synthesised and from which seed."""

    utterances_per_voice: int = param(12, "sentences that each voice says", minimum=1)
    variants: int = param(3, "times that each sentence is used, each with other rooms and noise",
                          minimum=1)  # fmt: skip
    negatives: float = param(0.15, "noise and music without speech, as a share of the speech",
                             minimum=0.0, maximum=1.0)  # fmt: skip
    voices: int = param(len(VOICES), "voices used, the first ones of the list", minimum=1)
    seed: int = param(1, "same seed, same corpus", minimum=0)


@dataclass(frozen=True)
class Example:
    """One stretch: `slots` [k, 80], `articulation` [k, 5], `speech` [k] in {0, 1}."""

    slots: F32
    articulation: F32
    speech: F32


def build_corpus(config: SpeechCorpusConfig, cache: Path) -> list[Example]:
    """All examples, from the cache where they are there."""
    from rich.progress import track

    cache.mkdir(parents=True, exist_ok=True)
    voices = available()[: config.voices]
    examples: list[Example] = []
    for number, voice in enumerate(track(voices, "speech corpus")):
        path = cache / f"{_key(config, voice)}.safetensors"
        if not path.is_file():
            _save(path, list(_voice_examples(voice, number, config)))
        examples += _load(path)
    return examples


def example(utterance: Utterance, generator: np.random.Generator) -> Example:
    """An utterance as an example: warped, padded, in a room, with noise, at some gain."""
    warp = generator.uniform(1 - WARP, 1 + WARP)
    rate = utterance.sample_rate_hz * warp
    sound = soxr.resample(utterance.samples, rate, sounds.RATE_HZ).astype(np.float32)
    before, after = generator.uniform(0, LONGEST_PAD_S, 2)
    sound = np.pad(sound, (int(before * sounds.RATE_HZ), int(after * sounds.RATE_HZ)))
    phonemes = _placed(utterance.phonemes, warp, before, len(sound) / sounds.RATE_HZ)
    slots = push_samples(_spoilt(sound, generator), SlotState())
    times_s = ((np.arange(len(slots)) + 0.5) * SLOT_S).astype(np.float32)
    return Example(slots, articulation(phonemes, times_s), _is_speech(phonemes, times_s))


def negative(generator: np.random.Generator) -> Example:
    """Noise or music without speech; the mouth is at rest (all articulators 0)."""
    make = sounds.noise if generator.random() < 0.5 else sounds.music
    sound = make(int(generator.uniform(3, 7) * sounds.RATE_HZ), generator)
    quiet = int(generator.uniform(0, 1) * sounds.RATE_HZ) * int(generator.integers(0, 2))
    slots = push_samples(_clipped(np.pad(sound, (quiet, 0)), generator), SlotState())
    n_slots = len(slots)
    rest = np.zeros((n_slots, N_ARTICULATORS), np.float32)
    return Example(slots, rest, np.zeros(n_slots, np.float32))


def _voice_examples(voice: Voice, number: int, config: SpeechCorpusConfig) -> Iterator[Example]:
    generator = np.random.default_rng([config.seed, number])
    for utterance in speak(voice, config.utterances_per_voice, config.seed * 1000 + number):
        for _ in range(config.variants):
            yield example(utterance, generator)
            if generator.random() < config.negatives:
                yield negative(generator)


def _placed(
    phonemes: Iterable[Phoneme], warp: float, before_s: float, end_s: float
) -> list[Phoneme]:
    """The phonemes of an utterance that was warped and padded, pauses at both ends included."""
    placed = [
        replace(p, start_s=p.start_s / warp + before_s, end_s=p.end_s / warp + before_s)
        for p in phonemes
    ]
    return [Phoneme(0.0, placed[0].start_s, ""), *placed, Phoneme(placed[-1].end_s, end_s, "")]


def _spoilt(sound: F32, generator: np.random.Generator) -> F32:
    """The sound as some microphone in some room hears it."""
    if generator.random() < 0.5:
        sound = sounds.equalised(sound, generator)
    if generator.random() < 0.3:
        sound = sounds.in_room(sound, generator)
    if generator.random() < 0.6:
        make = sounds.music if generator.random() < 0.2 else sounds.noise
        rms = float(np.sqrt(np.mean(sound**2)))
        level = rms / sounds.LOUDNESS * 10 ** (-generator.uniform(3, 35) / 20)
        sound = sound + np.float32(level) * make(len(sound), generator)
    return _clipped(sound, generator)


def _clipped(sound: F32, generator: np.random.Generator) -> F32:
    """The sound at a gain of -20 to +12 dB, clipped as a converter does."""
    gain = np.float32(10 ** (generator.uniform(-20, 12) / 20))
    return np.clip(sound * gain, -1.0, 1.0)


def _is_speech(phonemes: list[Phoneme], times_s: F32) -> F32:
    """1 where there is speech, [k]."""
    quiet = np.zeros(len(times_s), bool)
    start_s = 0.0
    for phoneme in [*phonemes, Phoneme(phonemes[-1].end_s, np.inf, "x")]:
        if not phoneme.ipa:
            continue
        if phoneme.start_s - start_s > SHORT_GAP_S:
            quiet |= (times_s >= start_s) & (times_s < phoneme.start_s)
        start_s = phoneme.end_s
    return (~quiet).astype(np.float32)


def _key(config: SpeechCorpusConfig, voice: Voice) -> str:
    settings = (config.seed, config.utterances_per_voice, config.variants, config.negatives)
    return "-".join(map(str, (voice.engine, voice.name, *settings)))


def _save(path: Path, examples: list[Example]) -> None:
    lengths = [len(one.slots) for one in examples]
    arrays = {
        name: np.concatenate([getattr(one, name) for one in examples])
        for name in Example.__dataclass_fields__
    }
    part = path.with_suffix(".part")
    save_file(arrays, part, {"lengths": json.dumps(lengths)})
    part.rename(path)


def _load(path: Path) -> list[Example]:
    with safe_open(path, "np") as file:
        lengths = json.loads(file.metadata()["lengths"])
    arrays = load_file(path)
    edges = np.cumsum([0, *lengths])
    return [
        Example(**{name: values[low:high] for name, values in arrays.items()})
        for low, high in zip(edges, edges[1:], strict=False)
    ]
