"""Voice activity from log-mel slots: a small recurrent network, in numpy.

After slot t the network says for each of the last 21 slots how probable speech was in it. Output
k belongs to slot t - k and so has heard 20 k ms of what came after: the lookahead of the features
chooses the output, and `speech` is on time with the frame for every lookahead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.features.log_mel.config import MAX_LOOKAHEAD_MS, SLOT_MS
from talking_portrait_ros.features.log_mel.mel import SLOT_WIDTH
from talking_portrait_ros.weights import load_weights

NAME = "log_mel_speech"
TRAIN = "talking-portrait train speech-activity"
N_HIDDEN = 32
N_DELAYS = MAX_LOOKAHEAD_MS // SLOT_MS + 1

SHAPES: dict[str, tuple[int, ...]] = {
    "gru.weight_ih_l0": (3 * N_HIDDEN, SLOT_WIDTH),
    "gru.weight_hh_l0": (3 * N_HIDDEN, N_HIDDEN),
    "gru.bias_ih_l0": (3 * N_HIDDEN,),
    "gru.bias_hh_l0": (3 * N_HIDDEN,),
    "head.weight": (N_DELAYS, N_HIDDEN),
    "head.bias": (N_DELAYS,),
}
"""Names and shapes of the weights, those of torch.nn.GRU and torch.nn.Linear."""


@dataclass(frozen=True)
class SpeechNet:
    """The weights; the memory is `hidden` [32], which the caller holds."""

    weights: dict[str, F32]

    @classmethod
    def load(cls, name: str = NAME) -> SpeechNet:
        """The network with shipped weights; ValueError where they are missing or do not fit."""
        return cls(load_weights(name, SHAPES, TRAIN))

    def step(self, slot: F32, hidden: F32) -> tuple[F32, F32]:
        """Probabilities [21] (index = delay in slots) and the next hidden state [32]."""
        w = self.weights
        given = w["gru.weight_ih_l0"] @ slot + w["gru.bias_ih_l0"]  # [96]
        recalled = w["gru.weight_hh_l0"] @ hidden + w["gru.bias_hh_l0"]  # [96]
        reset, update = _sigmoid((given + recalled)[: 2 * N_HIDDEN]).reshape(2, N_HIDDEN)
        new: F32 = np.tanh(given[2 * N_HIDDEN :] + reset * recalled[2 * N_HIDDEN :])
        hidden = new + update * (hidden - new)
        return _sigmoid(w["head.weight"] @ hidden + w["head.bias"]), hidden


def _sigmoid(x: F32) -> F32:
    half = np.float32(0.5)
    squashed: F32 = np.tanh(half * x)
    return half + half * squashed
