"""How well the averaged network continues clips of people that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from talking_portrait_ros.latents.block_rectified_flow.model import BlockFlow
from talking_portrait_ros.training.block_flow.batches import Batch, draw_batch
from talking_portrait_ros.training.block_flow.material import Material
from talking_portrait_ros.training.block_flow.trainer import rolled_out, sound_of

_SEED = 5
MOUTH_ROWS, MOUTH_COLUMNS = slice(5, 8), slice(2, 6)  # of eight: where a cropped face's mouth is


@torch.no_grad()
def evaluate(
    model: BlockFlow, material: Material, n_clips: int, blocks: Sequence[int], device: str
) -> dict[str, float]:
    """Roll `n_clips` out from their first frame, and compare with what is true.

    `explained` is the share of the change from the first reference that is foreseen (1: all of
    it, 0: as good as a still picture), for the shortest and the longest of `blocks`; `corrected`
    the share of the draft's mistakes that is mended (0: as good as the draft);
    `liveliness` the spread of the change from step to step, made over true, for the longest.
    """
    figures: dict[str, float] = {}
    for name, block_steps in (("short", min(blocks)), ("long", max(blocks))):
        batch = _from_the_start(material, n_clips, block_steps).to(device)
        chance = torch.Generator().manual_seed(_SEED)
        noise = torch.randn(batch.latents.shape, generator=chance).to(device)
        made = rolled_out(model, batch, sound_of(model, batch), block_steps, noise)
        nears = {"explained": batch.references[:, :1].expand_as(made), "corrected": batch.draft}
        for what, near in nears.items():
            figures[f"{what}_{name}"] = _explained(made, batch.latents, near)
            mouth = [x[..., MOUTH_ROWS, MOUTH_COLUMNS] for x in (made, batch.latents, near)]
            if mouth[0].numel():
                figures[f"{what}_mouth_{name}"] = _explained(*mouth)
        figures["liveliness"] = float(_change(made).std() / _change(batch.latents).std())
    return figures


def _from_the_start(material: Material, n_clips: int, block_steps: int) -> Batch:
    generator = np.random.default_rng(_SEED)
    while True:
        batch = draw_batch(material, n_clips, block_steps, generator)
        if batch.has_first:
            return batch


def _explained(made: Tensor, true: Tensor, still: Tensor) -> float:
    return float(1 - (made - true).square().sum() / (still - true).square().sum())


def _change(latents: Tensor) -> Tensor:
    return latents[:, 1:] - latents[:, :-1]
