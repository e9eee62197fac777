"""One ear: sound in, log-mel frames and their probability of speech out, as a stream."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.features.log_mel.config import SLOT_MS
from talking_portrait_ros.features.log_mel.mel import SLOT_WIDTH, SlotState, push_samples
from talking_portrait_ros.features.log_mel.speech_net import N_HIDDEN, SpeechNet

SLOTS_PER_FRAME = 2
FRAME_WIDTH = SLOTS_PER_FRAME * SLOT_WIDTH


@dataclass(frozen=True)
class Heard:
    """Consecutive frames: `values` [T, D] and `speech` [T], the probability of speech."""

    values: F32
    speech: F32


@dataclass
class EarState:
    """Memory of one ear.

    Attributes:
        slots: the stream of slots.
        hidden: memory of the speech network, [32].
        half: the first slot of a frame whose second slot is not there yet: values, probability.
        next_slot: position of the next slot.
    """

    slots: SlotState = field(default_factory=SlotState)
    hidden: F32 = field(default_factory=lambda: np.zeros(N_HIDDEN, np.float32))
    half: list[tuple[F32, float]] = field(default_factory=list)
    next_slot: int = 0


class Ear:
    """Hears log-mel frames with one lookahead, which is applied here, once.

    Attributes:
        width: D.
        lookahead_slots: the values of frame f are slots 2 f + lookahead_slots and the next one.
    """

    width = FRAME_WIDTH

    def __init__(self, lookahead_ms: int, speech_net: SpeechNet) -> None:
        """`speech_net` hears the same slots."""
        self.lookahead_slots = lookahead_ms // SLOT_MS
        self._speech_net = speech_net

    def start(self) -> EarState:
        """An ear that has heard nothing."""
        return EarState()

    def next_frame(self, state: EarState) -> int:
        """Index of the frame that `hear` gives next."""
        return max(0, state.next_slot - self.lookahead_slots) // SLOTS_PER_FRAME

    def hear(self, samples: F32, state: EarState) -> Heard:
        """The frames that `samples` [n] complete, perhaps none."""
        heard = [self._slot(slot, state) for slot in push_samples(samples, state.slots)]
        late = max(0, self.lookahead_slots - state.next_slot)  # before frame 0
        state.next_slot += len(heard)
        ready = state.half + heard[late:]
        n_frames = len(ready) // SLOTS_PER_FRAME
        state.half = ready[n_frames * SLOTS_PER_FRAME :]
        whole = ready[: n_frames * SLOTS_PER_FRAME]
        values = np.array([slot for slot, _ in whole], np.float32).reshape(n_frames, FRAME_WIDTH)
        speech = np.array([p for _, p in whole], np.float32).reshape(n_frames, SLOTS_PER_FRAME)
        return Heard(values, speech.max(axis=1, initial=0.0))

    def _slot(self, slot: F32, state: EarState) -> tuple[F32, float]:
        """The slot, and the probability of speech `lookahead_ms` before it."""
        probabilities, state.hidden = self._speech_net.step(slot, state.hidden)
        return slot, float(probabilities[self.lookahead_slots])
