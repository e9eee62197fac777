"""The averaged weights of a run as shipped weights, with a model card."""

from __future__ import annotations

from pathlib import Path

from talking_portrait_ros.training.block_flow.config import BlockFlowTraining
from talking_portrait_ros.training.cards import save_with_card
from talking_portrait_ros.training.loop.shipping import (
    averaged_weights,
    compute_of,
    last_figures,
    newest,
    without_paths,
)

DATA = (
    "latents of clips rendered by this package's portrait rig (training/corpus) from "
    "public-domain studio portraits and drawn avatars, with synthesised speech; no video or "
    "recording of a person"
)
LIMITS = (
    "learned from rendered motion of frontal portraits and from synthetic voices; moves as far as "
    "the rig does, and no further than its reference VAE can show"
)


def export(config: BlockFlowTraining, checkpoints: Path) -> Path:
    """Write the average of the newest checkpoint in `checkpoints`; the path of the weights.

    Raises:
        ValueError: there is no checkpoint, or the weights are larger than may be shipped.
    """
    found = newest(config.out, checkpoints)
    facts = found.facts
    card = {
        "model": f"BlockFlow, preset {facts['config']['preset']}, for latents of {facts['vae']}",
        "data": DATA,
        "material": f"{facts['clips']} clips of {facts['frames_per_clip']} frames",
        "compute": compute_of(found),
        "figures": last_figures(facts["history"], "explained_long"),
        "limits": LIMITS,
        "network": facts["model"],
        "training": without_paths(facts["config"]),
    }
    weights = averaged_weights(found, config.export)
    return save_with_card(Path(config.weights_folder), config.export, weights, card)
