"""Settings of the audio regression generator."""

from __future__ import annotations

from dataclasses import dataclass

from talking_portrait_ros.config import param
from talking_portrait_ros.features.log_mel.config import MAX_LOOKAHEAD_MS, SLOT_MS
from talking_portrait_ros.latents.idle import IdleConfig


@dataclass(frozen=True)
class AudioRegressionConfig(IdleConfig):
    """The mouth, and the amplitudes of the idle life around it."""

    lookahead_ms: int = param(
        60,
        "lookahead of the features that come in; there are weights for 0, 60, 120 and 200",
        choices=tuple(range(0, MAX_LOOKAHEAD_MS + 1, SLOT_MS)),
        unit="ms",
    )
    weights: str = param("", "name of the weights; empty: those for the lookahead")
    mouth: float = param(1.0, "how far the mouth moves", minimum=0.0, maximum=2.0, live=True)


def weights_name(lookahead_ms: int) -> str:
    """Name of the shipped weights for a lookahead."""
    return f"audio_regression_la{lookahead_ms}"
