"""Makes the stage with its weights."""

from __future__ import annotations

import torch

from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.latents.ar_flow_matching.generator import ArFlowMatching
from talking_portrait_ros.latents.ar_flow_matching.head import random_leave
from talking_portrait_ros.latents.ar_flow_matching.model import ArFlow
from talking_portrait_ros.weights import load_weights

TRAIN = "talking-portrait train dyadic"


def build_model(config: ArFlowMatchingConfig, device: str = "cpu") -> ArFlow:
    """The network for inference: shipped weights, or random ones where `config` names none.

    Raises:
        ValueError: the weights are missing or belong to another config.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = ArFlow(config)
        random_leave(model.head)
    if config.weights:
        shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
        arrays = load_weights(config.weights, shapes, TRAIN)
        model.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    return model.to(device).eval().requires_grad_(False)


def build(config: ArFlowMatchingConfig, device: str) -> ArFlowMatching:
    """The stage; ValueError where weights are missing or do not fit."""
    return ArFlowMatching(config, build_model(config, device))
