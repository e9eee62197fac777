"""Settings of the replayed latents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from talking_portrait_ros.config import Config, param
from talking_portrait_ros.features.log_mel.config import MAX_LOOKAHEAD_MS, SLOT_MS

TINY_FILE = Path(__file__).parent / "tiny.safetensors"
"""Six steps of noise, for tests."""


@dataclass(frozen=True)
class ReplayConfig(Config):
    """What is replayed, and in blocks of which length."""

    file: str = param("", "file of latents to replay (safetensors, see the family's README)")
    steps_per_block: int = param(
        1, "latent steps that are sent at once, as a generator would", minimum=1, maximum=64
    )
    lookahead_ms: int = param(
        60,
        "lookahead of the features that come in; they give the pace only",
        choices=tuple(range(0, MAX_LOOKAHEAD_MS + 1, SLOT_MS)),
        unit="ms",
    )
