"""The averaged weights of a run as shipped weights, with a model card."""

from __future__ import annotations

from pathlib import Path

from talking_portrait_ros.training.loop.shipping import newest, ship
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
    said = {
        "model": f"ReferenceVae, preset {facts['config']['preset']}",
        "data": DATA,
        "limits": LIMITS,
    }
    return ship(found, config.export, config.weights_folder, said, "psnr_m0")
