"""The log-mel stage: sound in, 160 numbers and a speech probability per frame out.

The lookahead of the whole pipeline is applied here, once: the values of frame f are the two slots
that end `lookahead_ms` after the end of frame f. A generator behind it is strictly causal.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from talking_portrait_ros.chunks import F32, AudioChunk, FeatureChunk, Header, References
from talking_portrait_ros.features.log_mel.config import SLOT_MS, LogMelConfig, feature_space
from talking_portrait_ros.features.log_mel.mel import (
    SAMPLE_RATE_HZ,
    SLOT,
    SLOT_WIDTH,
    SlotState,
    push_samples,
)
from talking_portrait_ros.features.log_mel.speech_net import N_HIDDEN, SpeechNet
from talking_portrait_ros.stage import Clock, require_next
from talking_portrait_ros.timebase import Timebase

SLOTS_PER_FRAME = 2
FRAME_WIDTH = SLOTS_PER_FRAME * SLOT_WIDTH


@dataclass
class LogMelState:
    """Memory of one session.

    Attributes:
        slots: the stream of slots.
        hidden: memory of the speech network, [32].
        half: the first slot of a frame whose second slot is not there yet: values, probability.
        next_sample: position after the last sample seen.
        next_slot: position of the next slot.
        header: header of the last chunk seen, and `header_sample` where that chunk began.
    """

    slots: SlotState = field(default_factory=SlotState)
    hidden: F32 = field(default_factory=lambda: np.zeros(N_HIDDEN, np.float32))
    half: list[tuple[F32, float]] = field(default_factory=list)
    next_sample: int = 0
    next_slot: int = 0
    header: Header = field(default_factory=Header)
    header_sample: int = 0


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
        self._speech_net = speech_net
        self._lookahead_slots = config.lookahead_ms // SLOT_MS

    def start(self, references: References) -> LogMelState:
        """A fresh state; the pictures do not matter here."""
        return LogMelState()

    def step(self, chunk: AudioChunk, state: LogMelState) -> list[FeatureChunk]:
        """The frames that `chunk` completes.

        Raises:
            ValueError: wrong sample rate, or the chunk does not follow the last one.
        """
        if chunk.sample_rate_hz != SAMPLE_RATE_HZ:
            raise ValueError(
                f"log_mel: sample_rate_hz={chunk.sample_rate_hz}, expected {SAMPLE_RATE_HZ}; "
                "resample the sound in the audio stage"
            )
        require_next("log_mel", "first_sample", state.next_sample, chunk.first_sample)
        state.header, state.header_sample = chunk.header, chunk.first_sample
        state.next_sample += len(chunk.samples)
        features = self._advance(chunk.samples, state)
        return [features] if features.n_frames else []

    def finish(self, state: LogMelState) -> list[FeatureChunk]:
        """The last frames; what is missing of the last one and of the lookahead is silence."""
        n_frames = -(-state.next_sample // self.clock.timebase.samples_per_frame)
        end_slot = SLOTS_PER_FRAME * n_frames + self._lookahead_slots
        silence = np.zeros(max(0, end_slot * SLOT - state.next_sample), np.float32)
        features = self._advance(silence, state)
        return [features.with_header(replace(features.header, end_of_stream=True))]

    def _advance(self, samples: F32, state: LogMelState) -> FeatureChunk:
        """The frames that `samples` complete, perhaps none."""
        heard = [self._hear(slot, state) for slot in push_samples(samples, state.slots)]
        late = max(0, self._lookahead_slots - state.next_slot)  # before frame 0
        first_frame = self._next_frame(state)
        state.next_slot += len(heard)
        ready = state.half + heard[late:]
        n_frames = len(ready) // SLOTS_PER_FRAME
        state.half = ready[n_frames * SLOTS_PER_FRAME :]
        whole = ready[: n_frames * SLOTS_PER_FRAME]
        values = np.array([slot for slot, _ in whole], np.float32).reshape(n_frames, FRAME_WIDTH)
        speech = np.array([p for _, p in whole], np.float32).reshape(n_frames, SLOTS_PER_FRAME)
        header = self._header(first_frame, state)
        return FeatureChunk(header, self.out_space, values, speech.max(axis=1, initial=0.0),
                            first_frame)  # fmt: skip

    def _hear(self, slot: F32, state: LogMelState) -> tuple[F32, float]:
        """The slot, and the probability of speech `lookahead_ms` before it."""
        probabilities, state.hidden = self._speech_net.step(slot, state.hidden)
        return slot, float(probabilities[self._lookahead_slots])

    def _next_frame(self, state: LogMelState) -> int:
        return max(0, state.next_slot - self._lookahead_slots) // SLOTS_PER_FRAME

    def _header(self, first_frame: int, state: LogMelState) -> Header:
        """The header of the last chunk, stamped with the media time of `first_frame`."""
        timebase = self.clock.timebase
        offset = timebase.first_sample_of(first_frame) - state.header_sample
        stamp_ns = state.header.stamp_ns + timebase.samples_to_ns(offset)
        return replace(state.header, stamp_ns=stamp_ns, end_of_stream=False)
