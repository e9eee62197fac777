"""Exponential moving average of weights: what is evaluated and shipped."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


class Ema(Generic[M]):
    """A copy of a model whose weights follow the model's, slower and slower.

    Attributes:
        model: the copy, in evaluation mode and without gradients.
        decay: share of the old average in the new one, once warmed up.
    """

    def __init__(self, model: M, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: M, step: int) -> None:
        """Move towards the weights that `model` has after `step` steps (from 1).

        The decay warms up as (1 + step) / (10 + step): the average soon forgets random weights.
        """
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        average, now = (list(_float_tensors(m)) for m in (self.model, model))
        torch._foreach_lerp_(average, now, share)


def _float_tensors(model: nn.Module) -> Iterable[Tensor]:
    return (t for t in model.state_dict().values() if t.is_floating_point())
