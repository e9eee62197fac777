"""The averaged weights of a run as shipped weights, with a model card."""

from __future__ import annotations

from pathlib import Path

from talking_portrait_ros.training.cards import save_with_card
from talking_portrait_ros.training.loop.shipping import (
    averaged_weights,
    compute_of,
    last_figures,
    newest,
    without_paths,
)
from talking_portrait_ros.training.reference_vae.config import ReferenceVaeTraining

DATA = (
    "clips rendered by this package's portrait rig (training/corpus) from public-domain studio "
    "portraits and drawn avatars, with synthesised speech; no video or recording of a person"
)
LIMITS = (
    "learned from rendered motion of frontal portraits: real video has hair, hands, light and "
    "turns of the head that the rig does not make; figures on real clips are lower"
)


def export(config: ReferenceVaeTraining, checkpoints: Path) -> Path:
    """Write the average of the newest checkpoint in `checkpoints`; the path of the weights.

    Raises:
        ValueError: there is no checkpoint, or the weights are larger than may be shipped.
    """
    found = newest(config.out, checkpoints)
    facts = found.facts
    card = {
        "model": f"ReferenceVae, preset {facts['config']['preset']}",
        "data": DATA,
        "compute": compute_of(found),
        "figures": last_figures(facts["history"], "psnr_m0"),
        "limits": LIMITS,
        "network": facts["model"],
        "training": without_paths(facts["config"]),
    }
    weights = averaged_weights(found, config.export)
    return save_with_card(Path(config.weights_folder), config.export, weights, card)
