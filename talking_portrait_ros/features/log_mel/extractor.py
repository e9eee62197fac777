"""The log-mel stage: sound in, 160 numbers and a speech probability per frame out.

The lookahead of the whole pipeline is applied here, once: the values of frame f are the two slots
that end `lookahead_ms` after the end of frame f. A generator behind it is strictly causal.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from talking_portrait_ros.chunks import F32, AudioChunk, FeatureChunk, References
from talking_portrait_ros.features.log_mel.config import LogMelConfig, feature_space
from talking_portrait_ros.features.log_mel.ear import Ear, EarState
from talking_portrait_ros.features.log_mel.mel import SAMPLE_RATE_HZ
from talking_portrait_ros.features.log_mel.speech_net import SpeechNet
from talking_portrait_ros.features.stream import SoundStream
from talking_portrait_ros.stage import Clock
from talking_portrait_ros.timebase import Timebase


@dataclass
class LogMelState(SoundStream):
    """Memory of one session: where it stands, and what its ear remembers."""

    ear: EarState = field(default_factory=EarState)


class LogMel:
    """Streaming log-mel features at the video rate, with voice activity per frame."""

    in_space = ""
    in_shape: tuple[int, ...] = ()

    def __init__(self, config: LogMelConfig, speech_net: SpeechNet) -> None:
        """Fix the lookahead; `speech_net` hears the same slots."""
        timebase = Timebase(SAMPLE_RATE_HZ)
        self.config = config
        self.out_space = feature_space(config.lookahead_ms)
        self.clock = Clock(timebase, lookahead_samples=timebase.ms_to_samples(config.lookahead_ms))
        self._ear = Ear(config.lookahead_ms, speech_net)

    def start(self, references: References) -> LogMelState:
        """A fresh state; the pictures do not matter here."""
        return LogMelState()

    def step(self, chunk: AudioChunk, state: LogMelState) -> list[FeatureChunk]:
        """The frames that `chunk` completes.

        Raises:
            ValueError: wrong sample rate, or the chunk does not follow the last one.
        """
        state.take("log_mel", chunk, self.clock.timebase)
        features = self._advance(chunk.samples, state)
        return [features] if features.n_frames else []

    def finish(self, state: LogMelState) -> list[FeatureChunk]:
        """The last frames; what is missing of the last one and of the lookahead is silence."""
        missing = state.missing(self.clock.lookahead_samples, self.clock.timebase)
        features = self._advance(np.zeros(missing, np.float32), state)
        return [features.with_header(replace(features.header, end_of_stream=True))]

    def _advance(self, samples: F32, state: LogMelState) -> FeatureChunk:
        """The frames that `samples` complete, perhaps none."""
        first_frame = self._ear.next_frame(state.ear)
        heard = self._ear.hear(samples, state.ear)
        header = state.header_of(first_frame, self.clock.timebase)
        return FeatureChunk(header, self.out_space, heard.values, heard.speech, first_frame)
