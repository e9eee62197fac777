"""What every trainer keeps beside its model, and its way into a checkpoint and back."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from talking_portrait_ros.training.loop.checkpoints import (
    load_optimiser_tensors,
    optimiser_tensors,
    prefixed,
    under,
)
from talking_portrait_ros.training.loop.ema import Ema

M = TypeVar("M", bound=nn.Module)


def learned_tensors(model: M, ema: Ema[M], optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Weights, their average and the optimiser's moments, for a checkpoint."""
    return (
        prefixed("model", model.state_dict())
        | prefixed("ema", ema.model.state_dict())
        | prefixed("moments", optimiser_tensors(model, optimiser))
    )


def load_learned(
    tensors: dict[str, Tensor], model: M, ema: Ema[M], optimiser: torch.optim.Optimizer, out: str
) -> None:
    """Go on from what `learned_tensors` gave.

    Raises:
        ValueError: the checkpoints in the folder `out` are those of another model.
    """
    try:
        model.load_state_dict(under("model", tensors))
        ema.model.load_state_dict(under("ema", tensors))
    except RuntimeError as error:
        raise ValueError(
            f"out={out!r} holds checkpoints of another model; choose another folder or the "
            "preset that they were made with"
        ) from error
    load_optimiser_tensors(model, optimiser, under("moments", tensors))


def descend(model: nn.Module, optimiser: torch.optim.Optimizer, clip_norm: float) -> float:
    """The optimiser's step; the length of the gradient. Not taken where that is not finite."""
    length = nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    if torch.isfinite(length):
        optimiser.step()
    return float(length)
