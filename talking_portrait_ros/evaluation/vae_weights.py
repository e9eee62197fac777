"""The VAE to evaluate: a shipped one by its name, or a file of weights that a trainer wrote."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

from torch import Tensor

from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.load import build_model
from talking_portrait_ros.frames.reference_vae.model import ReferenceVae
from talking_portrait_ros.stage_specs import FRAMES, StageSpec, frames_spec

FAMILY = "reference_vae"
SUFFIX = ".safetensors"
_AVERAGE = "ema."  # of a checkpoint; exported weights have bare names


def load_vae(name: str, device: str = "cpu") -> ReferenceVae:
    """The VAE called `name`, ready to encode and decode.

    Args:
        name: a frames stage of `presets`, or a path that ends in .safetensors: exported weights
            or a checkpoint, with its JSON file beside it.
        device: torch device.

    Raises:
        ValueError: unknown name, a stage without a VAE, missing or unfit weights.
    """
    if name.endswith(SUFFIX):
        return _of_file(Path(name)).to(device)
    if name in FRAMES and frames_spec(name).family == FAMILY:
        return build_model(_config(frames_spec(name)), device)
    raise ValueError(
        f"preset={name!r}: no VAE of that name; choose one of {', '.join(vae_names())}, or a "
        f"{SUFFIX} file of weights"
    )


def load_vaes(names: Sequence[str], device: str = "cpu") -> dict[str, ReferenceVae]:
    """Several VAEs by short names; see `load_vae`.

    Raises:
        ValueError: as `load_vae`, or two of one short name.
    """
    models: dict[str, ReferenceVae] = {}
    for name in names:
        short = Path(name).stem
        if short in models:
            raise ValueError(f"vae={name!r}: a second {short!r}; rename one of the files")
        models[short] = load_vae(name, device)
    return models


def vae_names() -> list[str]:
    """Frames stages that are a VAE."""
    return [name for name, spec in FRAMES.items() if spec.family == FAMILY]


def _config(spec: StageSpec) -> ReferenceVaeConfig:
    return ReferenceVaeConfig.from_dict(spec.options)


def _of_file(path: Path) -> ReferenceVae:
    facts = _facts(path.with_suffix(".json"))
    network = facts.get("network") or facts.get("model")  # a model card, or a checkpoint's facts
    if not isinstance(network, dict):
        raise ValueError(f"weights={path}: {path.stem}.json does not describe the network")
    model = build_model(ReferenceVaeConfig.from_dict({**network, "weights": ""}))
    try:
        model.load_state_dict(_tensors(path))
    except RuntimeError as error:
        reason = shorten(str(error).splitlines()[-1], 120)
        raise ValueError(f"weights={path}: of another network ({reason})") from None
    return model


def _facts(path: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(
            f"weights: {path} cannot be read ({error}); keep the JSON file beside the weights"
        ) from None
    return facts


def _tensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"weights={path}: cannot be read as safetensors ({error})") from None
    average = {k: v for k, v in tensors.items() if k.startswith(_AVERAGE)}
    found = average or tensors
    return {name.removeprefix(_AVERAGE): value.float() for name, value in found.items()}
