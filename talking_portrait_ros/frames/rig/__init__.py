"""Portrait rig: one photo, warped by displacement fields; see the README of this folder."""

from __future__ import annotations

from talking_portrait_ros.frames.rig.config import RigConfig
from talking_portrait_ros.frames.rig.decoder import RigDecoder
from talking_portrait_ros.registry import Family


def build(config: RigConfig, device: str) -> RigDecoder:
    """The stage; `start` makes the rig of the portrait."""
    return RigDecoder(config, device)


FAMILY = Family(config=RigConfig, build=build, tiny=RigConfig(resolution=64))
