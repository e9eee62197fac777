"""Makes the stage with its weights."""

from __future__ import annotations

import torch

from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.load import build_model as build_vae
from talking_portrait_ros.frames.reference_vae.load import config_of
from talking_portrait_ros.latents.audio_regression.config import AudioRegressionConfig
from talking_portrait_ros.latents.block_rectified_flow.config import BlockRectifiedFlowConfig
from talking_portrait_ros.latents.block_rectified_flow.draft import Drafter
from talking_portrait_ros.latents.block_rectified_flow.generator import BlockRectifiedFlow
from talking_portrait_ros.latents.block_rectified_flow.guide import build_guide
from talking_portrait_ros.latents.block_rectified_flow.model import BlockFlow
from talking_portrait_ros.nn.loading import load_into

TRAIN = "talking-portrait train block-flow"
_SIDE_PX = 64  # pixels along one side of a latent position of a random VAE
_DOWN_TIMES = {1: (1, 1, 1), 2: (2, 1, 1), 4: (2, 2, 1)}


def build_model(config: BlockRectifiedFlowConfig, device: str = "cpu") -> BlockFlow:
    """The network for inference: shipped weights, or random ones where `config` names none.

    Raises:
        ValueError: the weights are missing or belong to another config.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = BlockFlow(config)
        if not config.weights:
            torch.nn.init.normal_(model.leave.weight, std=0.02)  # so that something moves
    if config.weights:
        load_into(model, config.weights, TRAIN)
    return model.to(device).eval().requires_grad_(False)


def build(config: BlockRectifiedFlowConfig, device: str) -> BlockRectifiedFlow:
    """The stage; ValueError where weights are missing or do not fit each other."""
    vae = build_vae(_vae_config(config), device)
    if vae.config.time_factor != config.frames_per_step:
        raise ValueError(
            f"BlockRectifiedFlowConfig.frames_per_step={config.frames_per_step}: the VAE "
            f"{config.vae or '(random)'} has {vae.config.time_factor} frames per latent step"
        )
    guide = None
    if config.guide:
        guide = build_guide(
            AudioRegressionConfig(lookahead_ms=config.lookahead_ms), config.guide_lips, device
        )
    drafter = Drafter(vae, device) if config.anchor == "draft" else None
    return BlockRectifiedFlow(config, build_model(config, device), vae, guide, drafter)


def _vae_config(config: BlockRectifiedFlowConfig) -> ReferenceVaeConfig:
    if config.vae:
        return config_of(config.vae)
    several = config.frames_per_step > 1
    return ReferenceVaeConfig(
        resolution=_SIDE_PX * config.latent_size, latent_channels=config.latent_channels,
        motion_channels=max(4, config.latent_channels // 8) if several else 0,
        down_times=_DOWN_TIMES[config.frames_per_step], up_times=(config.frames_per_step, 1, 1),
    )  # fmt: skip
