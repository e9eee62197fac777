"""Shipped weights: one safetensors file and one model card (JSON) each, and how to load them.

A file is named after the family and the variant, `audio_regression_la60.safetensors`. Arrays
come out as numpy, so that stages without torch can use them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from talking_portrait_ros.chunks import F32

FOLDER = Path(__file__).parent


def weights_path(name: str) -> Path:
    """The safetensors file of the weights `name`."""
    return FOLDER / f"{name}.safetensors"


def weights_names() -> list[str]:
    """The weights there are."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def load_weights(
    name: str,
    expected: Mapping[str, tuple[int, ...]],
    train: str,
    may_lack: str = "",
    part: str = "",
) -> dict[str, F32]:
    """The arrays of the weights `name`, stored in single or half precision, as float32.

    Args:
        name: file name without ending.
        expected: shape of each tensor of the model.
        train: the command that makes these weights, for the error message.
        may_lack: tensors whose names begin so need not be there; "" for none.
        part: only tensors whose names begin so are wanted, and named without it; "" for all.

    Raises:
        ValueError: the file is missing or cannot be read, a tensor is missing, unknown, of
            another shape or not finite; names the tensor, what is expected and what was found.
    """
    path = weights_path(name)
    if not path.is_file():
        raise ValueError(
            f"weights={name!r}: {path.name} is not there (there are: "
            f"{', '.join(weights_names()) or 'none'}); choose one of these or make it with "
            f"`{train}`"
        )
    arrays = {
        tensor.removeprefix(part): array
        for tensor, array in _read(path).items()
        if tensor.startswith(part)
    }
    for tensor in sorted({*expected, *arrays}):
        want = expected.get(tensor)
        found = arrays[tensor].shape if tensor in arrays else None
        if found is None and may_lack and tensor.startswith(may_lack):
            continue
        if want != found:
            raise ValueError(
                f"weights={name!r}: tensor {tensor!r}: expected {_shape(want)}, found "
                f"{_shape(found)}; the file belongs to another model, make it with `{train}`"
            )
        _check_numbers(name, tensor, arrays[tensor], train)
    return {tensor: array.astype(np.float32) for tensor, array in arrays.items()}


def load_card(name: str) -> dict[str, Any]:
    """The model card of the weights `name`.

    Raises:
        ValueError: there is none, or it is no JSON.
    """
    path = weights_path(name).with_suffix(".json")
    try:
        card: dict[str, Any] = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(
            f"weights={name!r}: the model card {path.name} cannot be read ({error}); there are "
            f"weights {', '.join(weights_names()) or 'none'}"
        ) from error
    return card


def _read(path: Path) -> dict[str, F32]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path.name} cannot be read as safetensors ({error})") from error


def _check_numbers(name: str, tensor: str, values: F32, train: str) -> None:
    if values.dtype not in (np.float32, np.float16) or not np.isfinite(values).all():
        raise ValueError(
            f"weights={name!r}: tensor {tensor!r} is not finite float32 or float16; make it with "
            f"`{train}`"
        )


def _shape(shape: tuple[int, ...] | None) -> str:
    return "nothing" if shape is None else f"shape {list(shape)}"
