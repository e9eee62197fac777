"""How good the averaged weights are on clips that are not trained on, in numbers and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from talking_portrait_ros.training.loop.pictures import save_grid
from talking_portrait_ros.training.reference_vae.batches import Batch, plain_batch
from talking_portrait_ros.training.reference_vae.losses import importance_of, weighted

if TYPE_CHECKING:
    from talking_portrait_ros.frames.reference_vae.model import Decoded, ReferenceVae
    from talking_portrait_ros.training.corpus import Clip

REFERENCE_COUNTS = (0, 1, 3)
_PICTURE_PX = 192
_SHOWN_CLIPS = 6
_DIFFERENCE_GAIN = 4
_FACE_MORE = 1e6  # importance of mouth and eyes against the rest where only they are asked for


@dataclass(frozen=True)
class Evaluation:
    """PSNR per number of references, and the last frames of the clips for a picture."""

    figures: dict[str, float]
    columns: list[dict[str, Tensor]]

    def save_picture(self, path: Path) -> None:
        """Rows: references, original, decoded, differences, share of the first reference."""
        rows = {name: [c[name] for c in self.columns] for name in self.columns[0]}
        save_grid(path, rows, _PICTURE_PX)


@torch.inference_mode()
def evaluate(model: ReferenceVae, clips: Sequence[Clip], n_frames: int, device: str) -> Evaluation:
    """Reconstruct `clips` from the means of their latents with 0, 1 and 3 references."""
    sums: dict[str, float] = {}
    columns = []
    for clip in clips:
        batch = plain_batch([clip], n_frames).to(device)
        latents = model.encode(batch.frames).mean
        column = {
            f"reference {i + 1}": batch.references[0, i] for i in range(batch.n_references)
        } | {"original": batch.frames[0, -1]}
        for n in REFERENCE_COUNTS:
            some = batch.with_references(n)
            decoded = model.decode(latents, model.encode_references(some.references))
            for name, value in _figures(some, decoded).items():
                sums[f"{name}_m{n}"] = sums.get(f"{name}_m{n}", 0.0) + value / len(clips)
            column |= _pictures(some, decoded)
        columns.append(column)
    return Evaluation(sums, columns[:_SHOWN_CLIPS])


def psnr_db(made: Tensor, wanted: Tensor) -> float:
    """Peak signal to noise of pictures [N, 3, H, W], made ones clamped, mean over pictures."""
    error = (made.clamp(0, 1) - wanted).square().mean(dim=(1, 2, 3)).clamp(min=1e-10)
    return float((-10 * error.log10()).mean())


def _figures(batch: Batch, decoded: Decoded) -> dict[str, float]:
    made, wanted = decoded.frames[0], batch.frames[0]
    importance = importance_of(batch.features, _FACE_MORE)
    error = (made.clamp(0, 1) - wanted).square()
    features = weighted(error, importance).mean(dim=(1, 2, 3)).clamp(min=1e-10)
    return {
        "psnr": psnr_db(made, wanted),
        "features_psnr": float((-10 * features.log10()).mean()),
    }


def _pictures(batch: Batch, decoded: Decoded) -> dict[str, Tensor]:
    n, made, wanted = batch.n_references, decoded.frames[0, -1], batch.frames[0, -1]
    rows = {
        f"decoded M={n}": made,
        f"difference x{_DIFFERENCE_GAIN} M={n}": _DIFFERENCE_GAIN * (made - wanted).abs(),
    }
    if decoded.weights is not None and n == max(REFERENCE_COUNTS):
        shares = decoded.weights[0, -1]  # [M + 1, s, s]
        rows["shares: reference 1 red, 2 green, 3 blue, own paint black"] = shares[:3]
    return rows
