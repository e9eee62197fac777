"""Blocks of video latents by rectified flow, each in the light of those before it (S1)."""

from __future__ import annotations

from talking_portrait_ros.latents.block_rectified_flow.config import BlockRectifiedFlowConfig
from talking_portrait_ros.latents.block_rectified_flow.load import build
from talking_portrait_ros.registry import Family

FAMILY = Family(
    config=BlockRectifiedFlowConfig,
    build=build,
    tiny=BlockRectifiedFlowConfig(
        latent_channels=16,
        latent_size=2,
        patch=1,
        width=32,
        depth=2,
        head_width=16,
        speech_width=8,
        sound_width=16,
        block_steps=2,
        window_steps=6,
        carried_steps=4,
    ),
)
