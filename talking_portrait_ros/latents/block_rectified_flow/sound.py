"""What the generator is told: sound and guide, from frames to latent steps.

A causal speech encoder hears the log-mel slots; what it makes of a step's frames, how probable
speech is in them, and the motion that the guide would make, are joined per latent step. The first
step of a session stands for one frame and has a map of its own (S1, section 3.3).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from talking_portrait_ros.latents.audio_regression.model import Caches
from talking_portrait_ros.latents.block_rectified_flow.config import BlockRectifiedFlowConfig
from talking_portrait_ros.latents.speech_encoder import SLOTS_PER_FRAME, SpeechEncoder
from talking_portrait_ros.spaces import MOTION_WIDTH


class SoundEmbedder(nn.Module):
    """What is heard per frame, and the guide, as one vector per latent step."""

    def __init__(self, config: BlockRectifiedFlowConfig) -> None:
        super().__init__()
        is_raw = config.encoder == "log_mel"
        self.encoder = SpeechEncoder(config.speech_width) if is_raw else None
        self.no_guide = nn.Parameter(torch.zeros(MOTION_WIDTH))
        n_heard = SLOTS_PER_FRAME * config.speech_width if is_raw else config.heard_width
        n_frame = n_heard + 1 + MOTION_WIDTH
        self.alone = _mlp(n_frame, config.sound_width)
        self.per_step = config.frames_per_step
        self.together = _mlp(self.per_step * n_frame, config.sound_width)

    def fresh_caches(self, n_batch: int = 1) -> Caches:
        """Caches of a stream that begins."""
        return self.encoder.fresh_caches(n_batch) if self.encoder is not None else []

    def hear(self, values: Tensor, caches: Caches) -> Tensor:
        """What the network makes of features [B, T, D]; a speech model's are used as they are."""
        return values if self.encoder is None else self.encoder(values, caches)

    def frames(self, heard: Tensor, speech: Tensor, guide: Tensor | None) -> Tensor:
        """Frames [B, T, n] of what is heard, speech [B, T] and the guide's motion [B, T, 58]."""
        if guide is None:
            guide = self.no_guide.expand(*speech.shape, -1)
        return torch.cat([heard, speech[..., None], guide], dim=-1)

    def steps(self, frames: Tensor, has_first: bool) -> Tensor:
        """Latent steps [B, S, sound_width] of frames [B, T, n].

        T is f S, or f S - f + 1 with the first step of a session.
        """
        own = [self.alone(frames[:, :1])] if has_first else []
        rest = frames[:, has_first:].unflatten(1, (-1, self.per_step)).flatten(2)
        return torch.cat([*own, self.together(rest)], dim=1)


def _mlp(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, 2 * n_out), nn.SiLU(), nn.Linear(2 * n_out, n_out))
