"""A causal network from log-mel to the mouth, with idle life around it: fast, and the baseline."""

from __future__ import annotations

from talking_portrait_ros.latents.audio_regression.config import (
    AudioRegressionConfig,
    weights_name,
)
from talking_portrait_ros.latents.audio_regression.generator import AudioRegression
from talking_portrait_ros.latents.audio_regression.model import load_net
from talking_portrait_ros.registry import Family


def build(config: AudioRegressionConfig, device: str) -> AudioRegression:
    """The stage with its weights; ValueError where they are missing or do not fit."""
    name = config.weights or weights_name(config.lookahead_ms)
    return AudioRegression(config, load_net(name, device))


FAMILY = Family(config=AudioRegressionConfig, build=build, tiny=AudioRegressionConfig())
