"""From material to what one step is taught."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talking_portrait_ros.flow.schedule import drawn_times
from talking_portrait_ros.training.block_flow.config import BlockFlowTraining
from talking_portrait_ros.training.block_flow.material import Material

_OTHER_FIRST = 0.15  # share of clips whose first reference is not the one at rest
_FROM_THE_START = 0.6  # share of batches that begin with a session's first frame


@dataclass(frozen=True)
class Batch:
    """Stretches of clips; everything float32.

    Attributes:
        latents: of the VAE, [B, S, C, h, w].
        references: [B, M, C, h, w].
        draft: see `Material`, [B, S, C, h, w].
        features: of the clips from their first frame on, so that the speech encoder knows what
            came before, [B, T', 160].
        speech: [B, T'].
        guide: [B, T', 58].
        first_step: step of the clips at which the stretches begin.
        frames_per_step: of the VAE.
    """

    latents: Tensor
    references: Tensor
    draft: Tensor
    features: Tensor
    speech: Tensor
    guide: Tensor
    first_step: int
    frames_per_step: int

    def to(self, device: str) -> Batch:
        """The same batch on another device."""
        tensors = {name: getattr(self, name).to(device) for name in _TENSORS}
        return replace(self, **tensors)

    @property
    def has_first(self) -> bool:
        """The stretches begin with a session's first frame."""
        return self.first_step == 0

    @property
    def first_frame(self) -> int:
        """Frame of the clips at which the stretches begin."""
        return first_frame_of(self.first_step, self.frames_per_step)


_TENSORS = ("latents", "references", "draft", "features", "speech", "guide")


def first_frame_of(step: int, frames_per_step: int) -> int:
    """The first frame of a latent step."""
    return max(0, frames_per_step * (step - 1) + 1)


def draw_batch(
    material: Material,
    n_clips: int,
    block_steps: int,
    generator: np.random.Generator,
    most_steps: int = 0,
) -> Batch:
    """`n_clips` of `material` with one to all of their references; one of them at rest, mostly.

    Stretches go on to the end of their clips, or for `most_steps` where that is not 0.
    """
    chosen = torch.from_numpy(generator.integers(len(material), size=n_clips))
    n_steps, n_pictures = material.latents.shape[1], material.references.shape[1]
    first_step = 0
    if generator.random() >= _FROM_THE_START:
        first_step = int(generator.integers(1, max(2, n_steps // 2)))
    n_left = min(n_steps - first_step, most_steps or n_steps)
    n_whole = n_left // block_steps * block_steps
    n_references = int(generator.integers(1, n_pictures + 1))
    order = np.stack([_order(n_pictures, generator) for _ in range(n_clips)])[:, :n_references]
    references = material.references[chosen[:, None], torch.from_numpy(order)]
    end_frame = first_frame_of(first_step + n_whole, material.frames_per_step)
    features, speech, guide = (
        getattr(material, name)[chosen][:, :end_frame].float()
        for name in ("features", "speech", "guide")
    )
    latents, draft = (
        getattr(material, name)[chosen][:, first_step : first_step + n_whole].float()
        for name in ("latents", "draft")
    )
    return Batch(
        latents, references.float(), draft, features, speech, guide, first_step,
        material.frames_per_step,
    )  # fmt: skip


def _order(n: int, generator: np.random.Generator) -> NDArray[Any]:
    """References in any order, the first one (at rest) mostly in front."""
    order = generator.permutation(n)
    if generator.random() >= _OTHER_FIRST:
        order = np.concatenate([[0], order[order != 0]])
    return order


def block_times(
    shape: tuple[int, int], block_steps: int, config: BlockFlowTraining, chance: torch.Generator
) -> Tensor:
    """A time on the path for each block, the same for its steps: `shape` [B, S]."""
    n_clips, n_blocks = shape[0], shape[1] // block_steps
    times = drawn_times(n_clips * n_blocks, config.shift, chance)
    pure = torch.rand(len(times), generator=chance) < config.pure_noise
    times = torch.where(pure, torch.ones(()), times).view(n_clips, n_blocks)
    return times.repeat_interleave(block_steps, dim=1)
