"""The stage: two tracks of sound in, what both ears hear of a frame in one row out.

A row is [own | partner | probability that the partner speaks]; `speech` is the probability that
the face's own voice speaks. Only the own ear has a lookahead: a mouth has to be on time with its
voice, a listener reacts to what has been said. So the partner's frames wait for the own ones,
and nothing of the partner after the frame is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from talking_portrait_ros.chunks import F32, AudioChunk, FeatureChunk, References
from talking_portrait_ros.features.causal_speech.config import CausalSpeechConfig, feature_space
from talking_portrait_ros.features.log_mel.ear import Heard
from talking_portrait_ros.features.log_mel.mel import SAMPLE_RATE_HZ
from talking_portrait_ros.features.stream import SoundStream
from talking_portrait_ros.stage import Clock
from talking_portrait_ros.timebase import Timebase

STAGE = "causal_speech"


class AnyEar(Protocol):
    """Hears one track; memory is in the state."""

    @property
    def width(self) -> int:
        """Numbers per frame."""
        ...

    def start(self) -> Any:
        """Nothing heard."""
        ...

    def hear(self, samples: F32, state: Any) -> Heard:
        """The frames that `samples` [n] complete."""
        ...


@dataclass
class CausalSpeechState(SoundStream):
    """Memory of one session.

    Attributes:
        own: memory of the ear for the face's voice.
        partner: memory of the other one.
        waiting: frames of the partner whose own frames are not there yet.
        next_frame: frame that comes out next.
    """

    own: Any = None
    partner: Any = None
    waiting: Heard = field(
        default_factory=lambda: Heard(np.zeros((0, 0), np.float32), np.zeros(0, np.float32))
    )
    next_frame: int = 0


class CausalSpeech:
    """Two voices as features at the video rate, strictly causal but for one declared lookahead."""

    in_space = ""
    in_shape: tuple[int, ...] = ()

    def __init__(self, config: CausalSpeechConfig, own: AnyEar, partner: AnyEar) -> None:
        """`own` has the lookahead of `config`, `partner` none."""
        timebase = Timebase(SAMPLE_RATE_HZ)
        self.config = config
        self.out_space = feature_space(config.encoder, config.lookahead_ms)
        self.clock = Clock(timebase, lookahead_samples=timebase.ms_to_samples(config.lookahead_ms))
        self.own, self.partner = own, partner

    @property
    def width(self) -> int:
        """D."""
        return self.own.width + self.partner.width + 1

    def start(self, references: References) -> CausalSpeechState:
        """A fresh state; the pictures do not matter here."""
        nothing = Heard(np.zeros((0, self.partner.width), np.float32), np.zeros(0, np.float32))
        return CausalSpeechState(
            own=self.own.start(), partner=self.partner.start(), waiting=nothing
        )

    def step(self, chunk: AudioChunk, state: CausalSpeechState) -> list[FeatureChunk]:
        """The frames that `chunk` completes.

        Raises:
            ValueError: wrong sample rate, or the chunk does not follow the last one.
        """
        state.take(STAGE, chunk, self.clock.timebase)
        features = self._advance(chunk.samples, chunk.heard_partner, state)
        return [features] if features.n_frames else []

    def finish(self, state: CausalSpeechState) -> list[FeatureChunk]:
        """The last frames; what is missing of the last one and of the lookahead is silence."""
        missing = state.missing(self.clock.lookahead_samples, self.clock.timebase)
        silence = np.zeros(missing, np.float32)
        features = self._advance(silence, silence, state)
        return [features.with_header(replace(features.header, end_of_stream=True))]

    def _advance(self, own: F32, partner: F32, state: CausalSpeechState) -> FeatureChunk:
        """The frames that both tracks complete, perhaps none."""
        mine = self.own.hear(own, state.own)
        theirs = _joined(state.waiting, self.partner.hear(partner, state.partner))
        n_frames = len(mine.values)
        state.waiting = Heard(theirs.values[n_frames:], theirs.speech[n_frames:])
        row = [mine.values, theirs.values[:n_frames], theirs.speech[:n_frames, None]]
        first_frame = state.next_frame
        state.next_frame += n_frames
        header = state.header_of(first_frame, self.clock.timebase)
        values = np.concatenate(row, axis=1)  # [T, D]
        return FeatureChunk(header, self.out_space, values, mine.speech, first_frame)


def _joined(before: Heard, after: Heard) -> Heard:
    return Heard(
        np.concatenate([before.values, after.values]),
        np.concatenate([before.speech, after.speech]),
    )
