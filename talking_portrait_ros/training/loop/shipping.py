"""The averaged weights of a run as weights that ship: half precision, small enough, a card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from talking_portrait_ros.training.cards import save_with_card
from talking_portrait_ros.training.loop.checkpoints import Checkpoint, load_latest, under
from talking_portrait_ros.training.loop.history import Record

LARGEST_BYTES = 16 * 2**20
_NOT_FOR_CARDS = (
    "corpus", "material", "conversations", "validation", "out", "weights_folder", "export",
    "smoke", "speech_cache",
)  # fmt: skip


def newest(out: str, checkpoints: Path) -> Checkpoint:
    """The newest checkpoint of the run in the folder `out`.

    Raises:
        ValueError: there is none.
    """
    found = load_latest(checkpoints)
    if found is None:
        raise ValueError(f"out={out!r}: no checkpoint to export; train first")
    return found


def ship(found: Checkpoint, name: str, folder: str, said: Mapping[str, Any], figure: str) -> Path:
    """Write the average in a checkpoint as the weights `name`, with their card; their path.

    Args:
        found: the checkpoint.
        name: of the weights.
        folder: where they go.
        said: what else the card says: model, data, limits.
        figure: the newest record of the history that has this is the card's.

    Raises:
        ValueError: they are larger than may be shipped.
    """
    card = {
        **said,
        "compute": _compute_of(found),
        "figures": _last_figures(found.facts["history"], figure),
        "network": found.facts["model"],
        "training": _without_paths(found.facts["config"]),
    }
    return save_with_card(Path(folder), name, _averaged_weights(found, name), card)


def _averaged_weights(found: Checkpoint, name: str) -> dict[str, Tensor]:
    """The average in a checkpoint, in half precision, to be shipped as `name`.

    Raises:
        ValueError: it is larger than may be shipped.
    """
    weights = {
        key: value.to(torch.float16) if value.is_floating_point() else value
        for key, value in under("ema", found.tensors).items()
    }
    size = sum(value.nbytes for value in weights.values())
    if size >= LARGEST_BYTES:
        raise ValueError(
            f"export={name!r}: {size / 2**20:.1f} MiB; shipped weights are smaller than "
            f"{LARGEST_BYTES // 2**20} MiB, choose a smaller preset"
        )
    return weights


def _compute_of(found: Checkpoint) -> str:
    """How much was spent, for the card."""
    spent: dict[str, float] = found.facts["seconds"]
    hours = ", ".join(f"{s / 3600:.1f} h on {machine}" for machine, s in spent.items())
    return f"{found.step} steps: {hours}"


def _last_figures(history: list[Record], key: str) -> dict[str, float]:
    """The newest record of `history` that has `key`, for the card."""
    record = next((r for r in reversed(history) if key in r), {})
    return {name: round(value, 3) for name, value in record.items()}


def _without_paths(config: dict[str, Any]) -> dict[str, Any]:
    """The settings of a training without what only this machine knows."""
    return {name: value for name, value in config.items() if name not in _NOT_FOR_CARDS}
