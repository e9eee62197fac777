"""The averaged weights of a run as shipped weights: half precision, with a model card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from talking_portrait_ros.training.cards import save_with_card
from talking_portrait_ros.training.loop.checkpoints import load_latest, under
from talking_portrait_ros.training.loop.history import Record
from talking_portrait_ros.training.reference_vae.config import ReferenceVaeTraining

LARGEST_BYTES = 16 * 2**20
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
    found = load_latest(checkpoints)
    if found is None:
        raise ValueError(f"out={config.out!r}: no checkpoint to export; train first")
    weights = {
        name: value.to(torch.float16) if value.is_floating_point() else value
        for name, value in under("ema", found.tensors).items()
    }
    size = sum(value.nbytes for value in weights.values())
    if size >= LARGEST_BYTES:
        raise ValueError(
            f"export={config.export!r}: {size / 2**20:.1f} MiB; shipped weights are smaller than "
            f"{LARGEST_BYTES // 2**20} MiB, choose a smaller preset"
        )
    facts = found.facts
    card = {
        "model": f"ReferenceVae, preset {facts['config']['preset']}",
        "data": DATA,
        "compute": _compute(facts["seconds"], found.step),
        "figures": _figures(facts["history"]),
        "limits": LIMITS,
        "network": facts["model"],
        "training": _without_paths(facts["config"]),
    }
    return save_with_card(Path(config.weights_folder), config.export, weights, card)


def _compute(seconds: dict[str, float], steps: int) -> str:
    hours = ", ".join(f"{s / 3600:.1f} h on {machine}" for machine, s in seconds.items())
    return f"{steps} steps: {hours}"


def _figures(history: list[Record]) -> dict[str, float]:
    """The newest evaluation: mean PSNR in dB over held-out corpus clips, 0, 1, 3 references."""
    newest = next((r for r in reversed(history) if "psnr_m0" in r), {})
    return {name: round(value, 2) for name, value in newest.items()}


def _without_paths(config: dict[str, Any]) -> dict[str, Any]:
    paths = ("corpus", "validation", "out", "weights_folder", "export", "smoke")
    return {name: value for name, value in config.items() if name not in paths}
