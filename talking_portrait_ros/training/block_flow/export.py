"""The averaged weights of a run as shipped weights, with a model card."""

from __future__ import annotations

from pathlib import Path

from talking_portrait_ros.training.block_flow.config import BlockFlowTraining
from talking_portrait_ros.training.loop.shipping import newest, ship

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
    said = {
        "model": f"BlockFlow, preset {facts['config']['preset']}, for latents of {facts['vae']}",
        "data": DATA,
        "material": f"{facts['clips']} clips of {facts['frames_per_clip']} frames",
        "limits": LIMITS,
    }
    return ship(found, config.export, config.weights_folder, said, "explained_long")
