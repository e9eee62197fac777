"""Settings of the log-mel features."""

from __future__ import annotations

from dataclasses import dataclass

from talking_portrait_ros.config import Config, param

SLOT_MS = 20
MAX_LOOKAHEAD_MS = 400


@dataclass(frozen=True)
class LogMelConfig(Config):
    """Settings of the log-mel features."""

    lookahead_ms: int = param(
        60,
        "how much sound after a frame its features describe; a latents stage for the same "
        "lookahead belongs to it",
        choices=tuple(range(0, MAX_LOOKAHEAD_MS + 1, SLOT_MS)),
        unit="ms",
    )


def feature_space(lookahead_ms: int) -> str:
    """Name of the feature space for a lookahead."""
    return f"features/logmel40-la{lookahead_ms}"
