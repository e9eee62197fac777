"""A recording instead of a generator: video latents from a file, at the pace of the features."""

from __future__ import annotations

from talking_portrait_ros.latents.replay.config import TINY_FILE, ReplayConfig
from talking_portrait_ros.latents.replay.recording import load_recording
from talking_portrait_ros.latents.replay.replayer import Replayer
from talking_portrait_ros.registry import Family


def build(config: ReplayConfig, device: str) -> Replayer:
    """The stage; ValueError where the file is missing or holds no latents."""
    return Replayer(config, load_recording(config.file))


FAMILY = Family(
    config=ReplayConfig,
    build=build,
    tiny=ReplayConfig(file=str(TINY_FILE), steps_per_block=2),
)
