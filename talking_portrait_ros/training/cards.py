"""Weights with their papers: safetensors and a JSON model card; and the plot of a loss."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

DATA = (
    "speech synthesised by espeak-ng, flite and festival from the sentences in training/texts.py, "
    "with synthetic noise, music and rooms (training/speech_corpus.py); no recording of a person"
)
LICENCE = "Apache-2.0"


def save_with_card(
    folder: Path, name: str, weights: Mapping[str, Tensor], card: Mapping[str, Any]
) -> Path:
    """Writes `name`.safetensors and `name`.json; the path of the first."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    save_file({key: value.contiguous() for key, value in weights.items()}, path)
    n_weights = sum(value.numel() for value in weights.values())
    whole = {"name": name, "data": DATA, "licence": LICENCE, "weights": n_weights, **card}
    path.with_suffix(".json").write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    return path


def plot_losses(path: Path, losses: list[float], title: str) -> None:
    """The loss over the steps, smoothed, as a picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.add_subplot()
    width = max(1, len(losses) // 50)
    smooth = np.convolve(losses, np.ones(width) / width, "valid")
    axes.semilogy(np.arange(len(smooth)) + width, smooth)
    axes.set(title=title, xlabel="step", ylabel="loss")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
