"""Shipped weights into modules."""

from __future__ import annotations

import torch
from torch import nn

from talking_portrait_ros.weights import load_weights


def load_into(
    module: nn.Module, name: str, train: str, may_lack: str = "", part: str = ""
) -> None:
    """Give `module` the weights `name`; the arguments are those of `load_weights`.

    What the file may lack, and does, stays as it is.

    Raises:
        ValueError: as `load_weights`.
    """
    mine = module.state_dict()
    shapes = {tensor: tuple(value.shape) for tensor, value in mine.items()}
    arrays = load_weights(name, shapes, train, may_lack=may_lack, part=part)
    found = {tensor: torch.from_numpy(value) for tensor, value in arrays.items()}
    module.load_state_dict({**mine, **found})
