"""Makes the network with its weights."""

from __future__ import annotations

import torch

from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.model import ReferenceVae
from talking_portrait_ros.nn.loading import load_into
from talking_portrait_ros.weights import load_card

TRAIN = "talking-portrait train reference-vae"


def config_of(weights: str) -> ReferenceVaeConfig:
    """The network that the shipped weights belong to, as their card has it.

    Raises:
        ValueError: no card, or that of another family.
    """
    network = load_card(weights).get("network")
    if not network:
        raise ValueError(f"weights={weights!r}: its card describes no network")
    return ReferenceVaeConfig.from_dict({**network, "weights": weights})


def build_model(config: ReferenceVaeConfig, device: str = "cpu") -> ReferenceVae:
    """The network of `config` for inference: shipped weights, or random ones where it names none.

    Raises:
        ValueError: the weights are missing or belong to another config.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = ReferenceVae(config)
    if config.weights:
        load_into(model, config.weights, TRAIN)
    return model.to(device).eval().requires_grad_(False)
