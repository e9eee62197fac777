"""The corpus speaks: synthesised utterances with the mouths that their phonemes ask for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import av
import numpy as np
import soxr

from talking_portrait_ros.audio.speech import Phoneme, Utterance
from talking_portrait_ros.chunks import F32
from talking_portrait_ros.latents.audio_regression.visemes import ANTICIPATION_S, articulation
from talking_portrait_ros.timebase import Timebase
from talking_portrait_ros.training.corpus.pack import Spoken
from talking_portrait_ros.training.voices import available, speak

TIMEBASE = Timebase()
BEFORE_S, AFTER_S = 0.32, 0.28  # silence around each utterance, in which the mouth comes to rest
BIT_RATE = 24_000


def spoken_by_all(n_utterances: int, seed: int) -> Iterator[Spoken]:
    """`n_utterances` of every voice that is installed."""
    for number, voice in enumerate(available()):
        for utterance in speak(voice, n_utterances, seed * 1000 + number):
            yield spoken(f"{voice.engine}/{voice.name}", utterance)


def spoken(voice: str, utterance: Utterance) -> Spoken:
    """An utterance with silence around it, a whole number of frames long."""
    rate_hz, per_frame = TIMEBASE.sample_rate_hz, TIMEBASE.samples_per_frame
    said = soxr.resample(utterance.samples, utterance.sample_rate_hz, rate_hz)
    before, after = (round(s * rate_hz) for s in (BEFORE_S, AFTER_S))
    n_frames = -(-(before + len(said) + after) // per_frame)
    sound = np.zeros(n_frames * per_frame, np.float32)
    sound[before : before + len(said)] = said
    times_s = np.arange(n_frames) / TIMEBASE.fps + ANTICIPATION_S
    phonemes = _placed(utterance.phonemes, len(sound) / rate_hz)
    return Spoken(voice, encoded(sound), articulation(phonemes, times_s.astype(np.float32)))


def _placed(phonemes: tuple[Phoneme, ...], end_s: float) -> list[Phoneme]:
    """The phonemes `BEFORE_S` later, with the pauses at both ends."""
    later = [replace(p, start_s=p.start_s + BEFORE_S, end_s=p.end_s + BEFORE_S) for p in phonemes]
    return [Phoneme(0.0, later[0].start_s, ""), *later, Phoneme(later[-1].end_s, end_s, "")]


def encoded(sound: F32) -> bytes:
    """16 kHz mono [n] as Opus in Ogg."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=48_000, layout="mono")
        stream.bit_rate = BIT_RATE
        wide = soxr.resample(sound, TIMEBASE.sample_rate_hz, 48_000).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(wide[None], format="flt", layout="mono")
        frame.sample_rate, frame.pts = 48_000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def decoded(data: bytes, n_samples: int) -> F32:
    """The sound that `encoded` took, [n_samples]."""
    with av.open(io.BytesIO(data), "r") as container:
        parts = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    sound = soxr.resample(np.concatenate(parts), 48_000, TIMEBASE.sample_rate_hz)
    whole = np.zeros(n_samples, np.float32)
    whole[: len(sound)] = sound[:n_samples]
    return whole
