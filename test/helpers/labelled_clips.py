"""Clips whose pictures say what their labels say."""

from __future__ import annotations

import torch

from talking_portrait_ros.training.corpus.clip import COORDINATE_CELL, Clip


def labelled_clip(n_frames: int = 9, size: int = 64, seed: int = 0) -> Clip:
    """Places at random; red and green of each cell say x and y, blue is the time, 0.1 per frame.

    Times of the references are 0.93, 0.96 and 0.99.
    """
    generator = torch.Generator().manual_seed(seed)
    cells = size // COORDINATE_CELL
    return _painted(1.8 * torch.rand(n_frames + 3, 2, cells, cells, generator=generator) - 0.9)


def still_clip(n_frames: int = 9, size: int = 64) -> Clip:
    """The same where each position is its own place."""
    cells = size // COORDINATE_CELL
    grid = (torch.arange(cells) + 0.5) * 2 / cells - 1
    places = torch.stack(torch.meshgrid(grid, grid, indexing="xy"))
    return _painted(places.expand(n_frames + 3, -1, -1, -1))


def _painted(places: torch.Tensor) -> Clip:
    n, cells = len(places), places.shape[-1]
    n_frames = n - 3
    times = torch.cat([0.1 * torch.arange(n_frames), torch.tensor([0.93, 0.96, 0.99])])
    blue = times.view(n, 1, 1, 1).expand(n, 1, cells, cells)
    colours = torch.cat([(places + 1) / 2, blue], dim=1)
    pictures = colours.repeat_interleave(COORDINATE_CELL, 2).repeat_interleave(COORDINATE_CELL, 3)
    pictures = (255 * pictures).round().byte()
    valid = torch.ones(n, 1, cells, cells)
    return Clip(
        frames=pictures[:-3], references=pictures[-3:],
        coordinates=places[:-3], reference_coordinates=places[-3:],
        valid=valid[:-3], reference_valid=valid[-3:],
        motion=torch.zeros(n_frames, 58), mouth=torch.zeros(n_frames, 58),
        samples=torch.zeros(640 * n_frames),
        person="nobody", seed=0,
    )  # fmt: skip
