"""One side of a talk: what can be heard of it, and the sound as a microphone would take it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from talking_portrait_ros.audio.speech import Phoneme
from talking_portrait_ros.chunks import F32
from talking_portrait_ros.latents.audio_regression.visemes import ANTICIPATION_S, articulation
from talking_portrait_ros.timebase import Timebase
from talking_portrait_ros.training import sounds
from talking_portrait_ros.training.conversations.conversation import Bools
from talking_portrait_ros.training.conversations.timeline import RATE_HZ, Said

TIMEBASE = Timebase()
FRAME_S = 1 / TIMEBASE.fps
BRIDGED_S = 0.15  # a shorter pause is still speech
PHRASE_PAUSE_S = 0.2  # a pause that ends a phrase,
PHRASE_S = 0.8  # which has been at least so long
LOUDER_DB = 1.0  # than the vowels before: a stressed one
STRESS_MEMORY = 8  # vowels
VOWELS = "aɐɑɒæʌɛœeøəɜɚɝɵɘɤɪɨᵻiɔoʊʏuyʉɯ"
STRETCH_S = 8  # noise is made in pieces


@dataclass(frozen=True)
class Track:
    """What one person says in `n_frames` frames. All times are in seconds."""

    said: Sequence[Said]
    n_frames: int

    @property
    def n_samples(self) -> int:
        """Samples under the frames."""
        return self.n_frames * TIMEBASE.samples_per_frame

    @cached_property
    def clean(self) -> F32:
        """The voice alone, [n]."""
        sound = np.zeros(self.n_samples, np.float32)
        for said in self.said:
            first = int(said.start_s * RATE_HZ)
            place = sound[first : first + len(said.samples)]
            place += said.samples[: len(place)]
        return sound

    @cached_property
    def speech(self) -> list[tuple[float, float]]:
        """Stretches of speech, pauses shorter than `BRIDGED_S` bridged."""
        stretches: list[tuple[float, float]] = []
        for phoneme in self._phonemes():
            if not phoneme.ipa:
                continue
            if stretches and phoneme.start_s - stretches[-1][1] < BRIDGED_S:
                stretches[-1] = (stretches[-1][0], phoneme.end_s)
            else:
                stretches.append((phoneme.start_s, phoneme.end_s))
        return stretches

    @cached_property
    def laughs(self) -> list[tuple[float, float]]:
        """Stretches of laughter."""
        return [(said.start_s, said.end_s) for said in self.said if said.kind == "laugh"]

    @cached_property
    def phrase_ends(self) -> list[float]:
        """Ends of phrases that are followed by a pause; short words and laughs are no phrases."""
        ends = []
        begin_s = None
        followers = [start for start, _ in self.speech[1:]] + [np.inf]
        for (start_s, end_s), next_s in zip(self.speech, followers, strict=False):
            begin_s = start_s if begin_s is None else begin_s
            if next_s - end_s < PHRASE_PAUSE_S:
                continue
            laughed = any(low <= end_s <= high + 0.05 for low, high in self.laughs)
            if end_s - begin_s >= PHRASE_S and not laughed:
                ends.append(end_s)
            begin_s = None
        return ends

    @cached_property
    def stresses(self) -> list[float]:
        """When a vowel has become clearly louder than those before it."""
        found: list[float] = []
        memory: list[float] = []
        power = np.square(self.clean)
        for phoneme in self._phonemes():
            if phoneme.ipa[:1] not in VOWELS or not phoneme.ipa:
                continue
            first, last = int(phoneme.start_s * RATE_HZ), int(phoneme.end_s * RATE_HZ)
            if last - first < 160 or last > len(power):
                continue
            frames = power[first:last][: (last - first) // 160 * 160].reshape(-1, 160).mean(axis=1)
            loud_db = 10 * np.log10(frames.max() + 1e-9)
            if memory and loud_db > np.mean(memory) + LOUDER_DB:
                found.append(phoneme.start_s + 0.01 * (float(frames.argmax()) + 1))
            memory = [*memory, loud_db][-STRESS_MEMORY:]
        return found

    def speaking(self) -> Bools:
        """Frames with speech in them, [T]."""
        return self.heard(0.0)

    def heard(self, after_s: float) -> Bools:
        """Frames at whose end, and `after_s` more, speech can be heard, [T]."""
        frames = np.zeros(self.n_frames, bool)
        for start_s, end_s in self.speech:
            first = max(int(np.floor((start_s - after_s) / FRAME_S)), 0)
            frames[first : int(np.ceil(end_s / FRAME_S))] = True
        return frames

    def articulation(self) -> F32:
        """What the mouth does, as the lip trainer has it, [T, 5]."""
        times_s = np.arange(self.n_frames) * FRAME_S + ANTICIPATION_S
        return articulation(self._with_pauses(), times_s.astype(np.float32))

    def _phonemes(self) -> list[Phoneme]:
        return [phoneme for said in self.said for phoneme in said.phonemes]

    def _with_pauses(self) -> list[Phoneme]:
        """All phonemes and the pauses between them, from the first frame to the last."""
        filled, end_s = [Phoneme(0.0, 0.0, "")], 0.0
        for phoneme in self._phonemes():
            if phoneme.start_s > end_s:
                filled.append(Phoneme(end_s, phoneme.start_s, ""))
            filled.append(replace(phoneme, start_s=max(phoneme.start_s, end_s)))
            end_s = filled[-1].end_s
        return [*filled, Phoneme(end_s, max(self.n_frames * FRAME_S, end_s + FRAME_S), "")]


def recorded(track: Track, other: Track, is_clean: bool, generator: np.random.Generator) -> F32:
    """The track as it is captured, [n]: room, noise, an echo of the other side, gain.

    Args:
        track: whose microphone it is.
        other: who is heard faintly in it.
        is_clean: straight from a synthesiser: exact silence between the words.
        generator: chance.
    """
    gain = np.float32(10 ** (generator.uniform(-12, 6) / 20))
    sound = track.clean
    if is_clean:
        return np.clip(gain * sound, -1, 1)
    if generator.random() < 0.5:
        sound = sounds.equalised(sound, generator)
    if generator.random() < 0.4:
        sound = sounds.in_room(sound, generator)
    if generator.random() < 0.3:
        sound = sound + _echo(other.clean, generator)
    if generator.random() < 0.8:
        level = np.float32(10 ** (-generator.uniform(15, 45) / 20))
        sound = sound + level * _noise(len(sound), generator)
    return np.clip(gain * sound, -1, 1).astype(np.float32)


def _echo(sound: F32, generator: np.random.Generator) -> F32:
    """What an echo canceller leaves, or what crosses the room: late, dull and faint."""
    late = int(generator.uniform(0.02, 0.15) * RATE_HZ)
    level = np.float32(10 ** (-generator.uniform(22, 40) / 20))
    delayed = np.concatenate([np.zeros(late, np.float32), sound])[: len(sound)]
    return level * sounds.in_room(delayed, generator)


def _noise(n_samples: int, generator: np.random.Generator) -> F32:
    n_piece = STRETCH_S * RATE_HZ
    n_pieces = -(-n_samples // n_piece)
    return np.concatenate([sounds.noise(n_piece, generator) for _ in range(n_pieces)])[:n_samples]
