"""Settings of the portrait rig."""

from __future__ import annotations

from dataclasses import dataclass

from talking_portrait_ros.config import Config, param


@dataclass(frozen=True)
class RigConfig(Config):
    """What a portrait rig draws."""

    resolution: int = param(
        512, "height and width of the frames", minimum=64, maximum=2048, unit="px"
    )
