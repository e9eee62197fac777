"""Makes the stage with its weights."""

from __future__ import annotations

import torch

from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.latents.ar_flow_matching.generator import ArFlowMatching
from talking_portrait_ros.latents.ar_flow_matching.head import random_leave
from talking_portrait_ros.latents.ar_flow_matching.lips import Lips
from talking_portrait_ros.latents.ar_flow_matching.model import ArFlow
from talking_portrait_ros.nn.loading import load_into
from talking_portrait_ros.weights import load_card

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
        load_into(model, config.weights, TRAIN)
    return model.to(device).eval().requires_grad_(False)


def load_lips(weights: str, device: str = "cpu") -> Lips:
    """The lip nets of shipped weights, without the network beside them.

    Raises:
        ValueError: the weights are missing, have no lip nets or do not fit.
    """
    n_nets = load_card(weights).get("network", {}).get("lip_nets", 0)
    if not n_nets:
        raise ValueError(
            f"guide_lips={weights!r}: these weights have no lip nets; choose dyadic_512, "
            "or '' for none"
        )
    lips = Lips(n_nets)
    load_into(lips, weights, TRAIN, part="lips.")
    return lips.to(device).eval().requires_grad_(False)


def build(config: ArFlowMatchingConfig, device: str) -> ArFlowMatching:
    """The stage; ValueError where weights are missing or do not fit."""
    return ArFlowMatching(config, build_model(config, device))
