"""The averaged weights of a run as shipped weights, with a model card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from talking_portrait_ros.training.dyadic.config import KINDS, DyadicTraining
from talking_portrait_ros.training.loop.curriculum import parse_curriculum
from talking_portrait_ros.training.loop.shipping import newest, ship

DATA = (
    "conversations of two synthesised voices (training/conversations): mouths from phoneme times, "
    "everything else from a behaviour model that was written down, not learned or measured from "
    "people; lip nets: synthesised sentences with synthetic noise, music and rooms "
    "(training/speech_corpus.py); no recording of a person"
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
        "material": _material(facts),
        "limits": LIMITS,
    }
    if begun_with := facts.get("begun_with"):
        said["begun_with"] = begun_with
    return ship(found, config.export, config.weights_folder, said, "jaw_r")


def _material(facts: Mapping[str, Any]) -> str:
    """What the stages of a run learned from."""
    config = facts["config"]
    kinds = {stage.kind for stage in parse_curriculum(config["curriculum"], KINDS)}
    speech = config["speech"]
    material = {
        "sentences": f"{speech['utterances_per_voice']} sentences of {speech['voices']} voices, "
                     f"{speech['variants']} times each",
        "conversations": f"{facts['conversations']} conversations, {facts['hours']:.2f} h",
    }  # fmt: skip
    if kinds == {"lips"}:
        return material["sentences"]
    return "; ".join(material.values()) if "lips" in kinds else material["conversations"]
