"""What the network makes of the features: one vector per frame and voice."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.features.causal_speech.config import LOOKAHEADS_MS
from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.latents.audio_regression.model import Caches
from talking_portrait_ros.latents.speech_encoder import SpeechEncoder


@dataclass
class EarCaches:
    """Past of the convolutions, one list per voice."""

    own: Caches
    partner: Caches


class Ear(nn.Module):
    """One voice: heard values [B, T, D] and probability of speech [B, T] to [B, T, width].

    Log-mel goes through causal convolutions first; a speech model's vectors are used as they are.
    """

    def __init__(self, config: ArFlowMatchingConfig, n_channels: int) -> None:
        super().__init__()
        is_raw = config.encoder == "log_mel"
        self.encoder = SpeechEncoder(n_channels) if is_raw else None
        n_heard = 2 * n_channels if is_raw else config.heard_width
        self.leave = nn.Linear(n_heard + 1, config.width)
        self.none = nn.Parameter(torch.zeros(config.width))  # for guidance: nothing is known

    def fresh_caches(self, n_batch: int) -> Caches:
        """Caches of a stream that begins."""
        return self.encoder.fresh_caches(n_batch) if self.encoder is not None else []

    def forward(self, values: Tensor, speech: Tensor, caches: Caches) -> Tensor:
        """`caches` are brought up to date in place."""
        heard = values if self.encoder is None else self.encoder(values, caches)
        out: Tensor = self.leave(torch.cat([heard, speech[..., None]], dim=-1))
        return out


class Ears(nn.Module):
    """Both voices, and the lookahead that the own one was heard with."""

    def __init__(self, config: ArFlowMatchingConfig) -> None:
        super().__init__()
        self.heard_width = config.heard_width
        self.own = Ear(config, config.speech_width)
        self.partner = Ear(config, config.partner_width)
        self.lookahead = nn.Embedding(len(LOOKAHEADS_MS), config.width)

    def fresh_caches(self, n_batch: int = 1) -> EarCaches:
        """Caches of a stream that begins."""
        return EarCaches(self.own.fresh_caches(n_batch), self.partner.fresh_caches(n_batch))

    def forward(
        self, values: Tensor, speech: Tensor, lookahead: Tensor, caches: EarCaches
    ) -> tuple[Tensor, Tensor]:
        """What the own and the partner's voice say, [B, T, width] each.

        Args:
            values: rows of the `causal_speech` features, [B, T, 2 D + 1].
            speech: probability that the own voice speaks, [B, T].
            lookahead: index in `LOOKAHEADS_MS` of the features' lookahead, [B].
            caches: brought up to date.
        """
        own, partner, partner_speech = values.split([self.heard_width, self.heard_width, 1], -1)
        mine = self.own(own, speech, caches.own) + self.lookahead(lookahead)[:, None]
        theirs = self.partner(partner, partner_speech[..., 0], caches.partner)
        return mine, theirs

    def told(self, own: Tensor | None, partner: Tensor | None, like: Tensor) -> Tensor:
        """Both voices as one vector, `like` in shape; a voice that is None is unknown."""
        mine = self.own.none.expand_as(like) if own is None else own
        theirs = self.partner.none.expand_as(like) if partner is None else partner
        return functional.silu(mine + theirs)
