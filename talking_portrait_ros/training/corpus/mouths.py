"""What is heard and what the mouth does about it: speech, wild mouths, or a mouth at rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.latents.audio_regression.mouth import mouth_motion
from talking_portrait_ros.latents.audio_regression.visemes import N_ARTICULATORS, REST
from talking_portrait_ros.spaces import INDEX
from talking_portrait_ros.training import sounds
from talking_portrait_ros.training.corpus.chance import stream, wander
from talking_portrait_ros.training.corpus.config import CorpusConfig
from talking_portrait_ros.training.corpus.pack import Spoken
from talking_portrait_ros.training.corpus.speech import TIMEBASE, decoded

_NOISE_FRAMES = 100


@dataclass(frozen=True)
class Heard:
    """Sound [640 T] and the mouth that goes with it, `motion/arkit-1` [T, 58]."""

    samples: F32
    mouth: F32


class Mouths:
    """Makes the mouths of clips from the utterances of a pack."""

    def __init__(self, speech: tuple[Spoken, ...], config: CorpusConfig) -> None:
        self._config = config
        self._speech = speech
        self._voices = sorted({spoken.voice for spoken in speech})
        self._sound = lru_cache(maxsize=256)(self._decoded)

    def make(self, seed: int, n_frames: int) -> Heard:
        """Sound and mouth of a clip."""
        mouth = self.shapes(seed, n_frames)
        if self._kind(seed) != "speech":
            return Heard(self._background(seed, n_frames), mouth)
        generator = stream(seed, "loudness")
        gain = np.float32(10 ** (generator.uniform(-16, 4) / 20))
        per_frame = TIMEBASE.samples_per_frame
        parts = [
            self._sound(index)[skip * per_frame :] for index, skip in self._said(seed, n_frames)
        ]
        samples = gain * np.concatenate(parts)[: n_frames * per_frame]
        if generator.random() < 0.25:
            level = np.float32(0.5 * gain * 10 ** (-generator.uniform(3, 30) / 20))
            samples = samples + level * self._background(seed, n_frames)
        return Heard(np.clip(samples, -1, 1).astype(np.float32), mouth)

    def shapes(self, seed: int, n_frames: int) -> F32:
        """The mouth of a clip alone, [T, 58]."""
        kind = self._kind(seed)
        if kind == "wild":
            return _wild(seed, n_frames)
        if kind == "rest":
            rest = np.tile(np.asarray(REST.target, np.float32), (n_frames, 1))
            return _moved(rest, 1.0)
        said = self._said(seed, n_frames)
        curves = [self._speech[index].articulators[skip:] for index, skip in said]
        amplitude = stream(seed, "amplitude").uniform(0.65, 1.35)
        return _moved(np.concatenate(curves)[:n_frames], amplitude)

    def _kind(self, seed: int) -> str:
        chance = stream(seed, "mouth kind").random()
        if chance < self._config.speech and self._speech:
            return "speech"
        return "wild" if chance < self._config.speech + self._config.wild else "rest"

    def _said(self, seed: int, n_frames: int) -> list[tuple[int, int]]:
        """Utterances of one voice that fill a clip, and frames to leave out of each."""
        generator = stream(seed, "talk")
        voice = self._voices[generator.integers(len(self._voices))]
        own = [i for i, spoken in enumerate(self._speech) if spoken.voice == voice]
        said: list[tuple[int, int]] = []
        n_made = 0
        while n_made < n_frames:
            index = own[generator.integers(len(own))]
            length = len(self._speech[index].articulators)
            skip = 0 if said else int(generator.integers(max(length - 8, 1)))
            said.append((index, skip))
            n_made += length - skip
        return said

    def _background(self, seed: int, n_frames: int) -> F32:
        """Noise, music or (mostly) silence, [640 T]; made in stretches of four seconds."""
        generator = stream(seed, "background sound")
        n_samples = n_frames * TIMEBASE.samples_per_frame
        if generator.random() < 0.4:
            return np.zeros(n_samples, np.float32)
        make = sounds.noise if generator.random() < 0.7 else sounds.music
        gain = np.float32(10 ** (generator.uniform(-25, 6) / 20))
        n_stretches = -(-n_frames // _NOISE_FRAMES)
        length = _NOISE_FRAMES * TIMEBASE.samples_per_frame
        parts = [make(length, stream(seed, "stretch", i)) for i in range(n_stretches)]
        return np.clip(gain * np.concatenate(parts)[:n_samples], -1, 1).astype(np.float32)

    def _decoded(self, index: int) -> F32:
        spoken = self._speech[index]
        n_samples = len(spoken.articulators) * TIMEBASE.samples_per_frame
        return decoded(spoken.sound, n_samples)


def _moved(articulators: F32, amplitude: float) -> F32:
    return mouth_motion(articulators, np.ones(len(articulators), np.float32), amplitude)


def _wild(seed: int, n_frames: int) -> F32:
    """Any shape to any other, faster and wider than speech."""
    generator = stream(seed, "wild")
    period = np.exp(generator.uniform(np.log(2.5), np.log(12.0)))
    curves = np.stack(
        [wander(stream(seed, "wild", i), n_frames, period) for i in range(N_ARTICULATORS)], axis=1
    )
    curves[:, 0] = 0.45 + 1.2 * curves[:, 0]
    curves[:, 1] *= 1.8
    curves[:, 2:] = 2.5 * np.abs(curves[:, 2:]) - 0.8  # press, tuck and funnel are rarer
    motion = _moved(np.asarray(curves, np.float32), generator.uniform(0.8, 1.3))
    for name in ("mouthRollUpper", "mouthRollLower", "mouthFunnel", "mouthPucker"):
        extra = wander(stream(seed, "wild", name), n_frames, 2 * period)
        motion[:, INDEX[name]] += 0.8 * np.clip(np.abs(extra) - 0.4, 0, 1)
    return motion
