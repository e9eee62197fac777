"""The lip nets of one session: what mouth they make, and when they are heard.

They learned to keep noise and music shut out, so that soft speech may open their gate: its bar is
half as high as that of the network. But they hear one voice, and an echo of the partner is speech
to them. The network hears both: while the partner speaks, it has to open the mouth first.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.features.causal_speech.config import LOOKAHEADS_MS
from talking_portrait_ros.features.log_mel.ear import FRAME_WIDTH
from talking_portrait_ros.latents.ar_flow_matching.lips import Lips
from talking_portrait_ros.latents.audio_regression.model import Caches
from talking_portrait_ros.latents.audio_regression.mouth import (
    Gate,
    heard_with,
    mouth_motion,
)
from talking_portrait_ros.spaces import INDEX

BAR = 0.5  # of the network's gate
OPENS = (0.02, 0.06)  # jawOpen of the network: its mouth is shut, and open


@dataclass
class LipsState:
    """Memory of one session.

    Attributes:
        caches: past of the convolutions.
        own: whether the own voice speaks.
        partner: whether the partner does.
        opens: whether the network opens the mouth.
    """

    caches: Caches
    own: Gate
    partner: Gate = field(default_factory=Gate)
    opens: Gate = field(default_factory=lambda: Gate(OPENS))


def bar(lookahead_ms: int) -> tuple[float, float]:
    """Probability of speech at which the lip nets' gate is shut and open."""
    shut, full = heard_with(lookahead_ms)
    return BAR * shut, BAR * full


class LiveLips:
    """The lip nets for one lookahead."""

    def __init__(self, lips: Lips, lookahead_ms: int) -> None:
        self.n_nets = lips.n_nets
        self._lips, self._lookahead = lips, LOOKAHEADS_MS.index(lookahead_ms)
        self._bar = bar(lookahead_ms)

    def start(self) -> LipsState:
        """Nothing heard."""
        return LipsState(self._lips.fresh_caches(), Gate(self._bar))

    def mouth(
        self, heard: Tensor, speech: float, network: F32, amplitude: float, state: LipsState
    ) -> F32:
        """The mouth of the next frame, [58].

        Args:
            heard: a row of the `causal_speech` features, [321].
            speech: probability that the own voice speaks.
            network: the network's own motion, [58].
            amplitude: how far the mouth moves.
            state: brought up to date.
        """
        said = self._lips.frame(heard[:FRAME_WIDTH], self._lookahead, state.caches)
        own = state.own.follow(np.array([speech], np.float32))
        partner = state.partner.follow(heard[-1:].cpu().numpy())
        opens = state.opens.follow(network[INDEX["jawOpen"]][None])
        gate = own * (1 - partner * (1 - opens))
        mouth: F32 = mouth_motion(said.float().cpu().numpy()[None], gate, amplitude)[0]
        return mouth
