"""Checkpoints: one safetensors file of numbers and one JSON file of facts per checkpoint.

The JSON file is written last; a safetensors file without it does not count, so a run that is
killed while it writes loses nothing but that checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to go on.

    Attributes:
        step: steps done.
        tensors: weights, averages and moments, by dotted names.
        facts: config, history and whatever else is plain JSON.
    """

    step: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint, kept: int = KEPT) -> Path:
    """Write `checkpoint` whole or not at all and drop all but the `kept` newest; its JSON."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    facts_path = folder / f"step_{checkpoint.step:08d}.json"
    tensors = {name: value.detach().contiguous() for name, value in checkpoint.tensors.items()}
    unfinished = folder / "unfinished"
    save_file(tensors, unfinished)
    unfinished.replace(facts_path.with_suffix(".safetensors"))
    unfinished.write_text(json.dumps({"step": checkpoint.step, **checkpoint.facts}) + "\n")
    unfinished.replace(facts_path)
    for old in sorted(folder.glob("step_*.json"))[:-kept]:
        old.unlink()
        old.with_suffix(".safetensors").unlink(missing_ok=True)
    return facts_path


def load_latest(folder: Path, device: str = "cpu") -> Checkpoint | None:
    """The newest whole checkpoint in `folder`, or None.

    Raises:
        ValueError: it cannot be read; names the file and what to do.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    paths = sorted(folder.glob("step_*.json"))
    if not paths:
        return None
    try:
        facts = json.loads(paths[-1].read_text())
        tensors = load_file(paths[-1].with_suffix(".safetensors"), device=device)
        return Checkpoint(facts.pop("step"), tensors, facts)
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise ValueError(
            f"checkpoint={paths[-1]} cannot be read ({error}); delete it, and the run goes on "
            "from the one before or starts anew"
        ) from error


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under longer names: prefix.name."""
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `prefixed` named, under their own names."""
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def optimiser_tensors(model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's moments as weight_name:moment."""
    return {
        f"{name}:{key}": torch.as_tensor(value)
        for name, weight in model.named_parameters()
        for key, value in optimiser.state.get(weight, {}).items()
    }


def load_optimiser_tensors(
    model: nn.Module, optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Give the optimiser the moments that `optimiser_tensors` took from it."""
    weights = dict(model.named_parameters())
    for name, value in tensors.items():
        weight, key = name.rsplit(":", 1)
        optimiser.state[weights[weight]][key] = value.clone()
