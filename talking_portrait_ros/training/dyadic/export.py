"""The averaged weights of a run as shipped weights, with a model card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from talking_portrait_ros.training.dyadic.config import DyadicTraining
from talking_portrait_ros.training.loop.shipping import newest, ship

DATA = (
    "conversations of two synthesised voices (training/conversations): mouths from phoneme times, "
    "everything else from a behaviour model that was written down, not learned or measured from "
    "people; no recording of a person"
)
LIMITS = (
    "moves by the rules of that behaviour model and no better; learned from synthetic voices; "
    "laughter, song and shouting are rough or untested; when several people talk to it, it hears "
    "one partner"
)


def export(config: DyadicTraining, checkpoints: Path) -> Path:
    """Write the average of the newest checkpoint in `checkpoints`; the path of the weights.

    Raises:
        ValueError: there is no checkpoint, or the weights are larger than may be shipped.
    """
    found = newest(config.out, checkpoints)
    facts = found.facts
    said: dict[str, Any] = {
        "model": f"ArFlow, preset {facts['config']['preset']}, one for all lookaheads",
        "data": DATA,
        "material": f"{facts['conversations']} conversations, {facts['hours']:.2f} h",
        "limits": LIMITS,
    }
    if begun_with := facts.get("begun_with"):
        said["begun_with"] = begun_with
    return ship(found, config.export, config.weights_folder, said, "jaw_r")
