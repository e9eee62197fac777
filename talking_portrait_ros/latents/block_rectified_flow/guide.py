"""The guide: `audio_regression`, whose mouth other nets may have a say in.

Networks that learn lips from few voices err in different ways, so the mean of several errs less
than each. The lip nets of `ar_flow_matching` have learned the same articulators from other sounds.
"""

from __future__ import annotations

import torch
from torch import Tensor

from talking_portrait_ros.features.causal_speech.config import LOOKAHEADS_MS
from talking_portrait_ros.latents.ar_flow_matching.lips import Lips
from talking_portrait_ros.latents.ar_flow_matching.live_lips import bar
from talking_portrait_ros.latents.ar_flow_matching.load import load_lips
from talking_portrait_ros.latents.audio_regression import build
from talking_portrait_ros.latents.audio_regression.config import (
    AudioRegressionConfig,
    weights_name,
)
from talking_portrait_ros.latents.audio_regression.generator import AudioRegression
from talking_portrait_ros.latents.audio_regression.model import ArticulationNet, Caches, load_net


class JointNet(ArticulationNet):
    """One net and the lip nets beside it; each has one vote."""

    def __init__(self, own: ArticulationNet, lips: Lips, lookahead_ms: int) -> None:
        """`own` was trained for `lookahead_ms`, one of those that `lips` know."""
        super().__init__(own.n_channels)
        self.load_state_dict(own.state_dict())
        self.lips = lips
        self._lookahead = LOOKAHEADS_MS.index(lookahead_ms)

    def fresh_caches(self, n_batch: int = 1) -> Caches:
        """As in `ArticulationNet`; those of the lip nets come last."""
        return [*super().fresh_caches(n_batch), *self.lips.fresh_caches(n_batch)]

    def forward(self, slots: Tensor, caches: Caches) -> tuple[Tensor, Caches]:
        """As in `ArticulationNet`, [B, 80, T] to [B, 6, T]."""
        n_own = len(self.blocks)
        own, kept = super().forward(slots, caches[:n_own])
        others = list(caches[n_own:])
        heard = slots.transpose(1, 2).expand(self.lips.n_nets, -1, -1, -1)
        said = self.lips(heard, others)[..., self._lookahead, :]  # [N, B, T, 6]
        votes = torch.cat([own.transpose(1, 2)[None], said])
        return votes.mean(dim=0).transpose(1, 2), [*kept, *others]


def build_guide(regression: AudioRegressionConfig, lips: str, device: str) -> AudioRegression:
    """The regression that `regression` asks for, joined by the lip nets of the weights `lips`.

    `lips` is "" for none.

    Raises:
        ValueError: weights are missing, have no lip nets, or do not know the lookahead.
    """
    if not lips:
        return build(regression, device)
    lookahead_ms = regression.lookahead_ms
    if lookahead_ms not in LOOKAHEADS_MS:
        raise ValueError(
            f"guide_lips={lips!r}: lip nets know lookaheads of "
            f"{', '.join(map(str, LOOKAHEADS_MS))} ms; give '' with lookahead_ms={lookahead_ms}"
        )
    own = load_net(weights_name(lookahead_ms), device)
    net = JointNet(own, load_lips(lips, device), lookahead_ms).to(device)
    return AudioRegression(regression, net, bar(lookahead_ms))
