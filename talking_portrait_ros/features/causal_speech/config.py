"""Settings of the causal speech features."""

from __future__ import annotations

from dataclasses import dataclass

from talking_portrait_ros.config import Config, param
from talking_portrait_ros.features.log_mel.config import SLOT_MS

MAX_LOOKAHEAD_MS = 80
LOOKAHEADS_MS = tuple(range(0, MAX_LOOKAHEAD_MS + 1, SLOT_MS))
HEAD = 64  # width of an attention head of a speech model
ENCODERS = ("log_mel", "wav2vec2")


@dataclass(frozen=True)
class CausalSpeechConfig(Config):
    """Two causal ears: one for the voice of the face, one for that of its partner."""

    lookahead_ms: int = param(
        60,
        "how much of its own voice after a frame the face knows; the partner is heard without",
        choices=LOOKAHEADS_MS,
        unit="ms",
    )
    encoder: str = param("log_mel", "what the ears are", choices=ENCODERS)
    folder: str = param(
        "",
        "with wav2vec2: folder of a local model (model.safetensors as transformers names it); "
        "empty: random weights (architecture and speed checks)",
    )
    layers: int = param(8, "with wav2vec2: transformer layers used, the first ones", minimum=1)
    past_frames: int = param(
        150, "with wav2vec2: how far the attention looks back", minimum=1, unit="frames"
    )
    width: int = param(768, "with wav2vec2: channels, a multiple of 64", minimum=64)
    conv_width: int = param(512, "with wav2vec2: channels of the convolutions", minimum=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % HEAD:
            raise ValueError(
                f"CausalSpeechConfig.width={self.width}: must be a multiple of {HEAD}"
            )
        if self.folder and self.encoder != "wav2vec2":
            raise ValueError(
                f"CausalSpeechConfig.folder={self.folder!r}: only wav2vec2 reads a folder; set "
                "encoder to wav2vec2"
            )


def feature_space(encoder: str, lookahead_ms: int) -> str:
    """Name of the feature space."""
    return f"features/causal-{encoder.replace('_', '')}-la{lookahead_ms}"
