"""Clips to batches: a choice of frames and references, mirrored, relit and cropped at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from talking_portrait_ros.training.corpus.clip import COORDINATE_CELL, N_REFERENCES, Clip
from talking_portrait_ros.training.reference_vae.config import Stage

OWN_FIRST_FRAME = N_REFERENCES  # the index of a reference that is the clip's own first frame
_OWN_SHARE = 0.3
_CONTRAST, _BRIGHTNESS = 0.12, 0.06


@dataclass(frozen=True)
class Batch:
    """Clips of one step. Colours 0..1; labels in units of the portrait, -1..1 (x, y).

    Attributes:
        frames: [B, T, 3, H, W].
        references: [B, M, 3, H, W].
        coordinates: where in the portrait each position comes from, [B, T, 2, s, s].
        valid: how far the label holds, 0..1, [B, T, 1, s, s].
        reference_coordinates: the same of the references, [B, M, 2, s, s].
        reference_valid: [B, M, 1, s, s].
    """

    frames: Tensor
    references: Tensor
    coordinates: Tensor
    valid: Tensor
    reference_coordinates: Tensor
    reference_valid: Tensor

    @property
    def n_references(self) -> int:
        """M."""
        return self.references.shape[1]

    def to(self, device: str) -> Batch:
        """The same batch on another device."""
        return Batch(*(getattr(self, name).to(device) for name in _PARTS))

    def with_references(self, n: int) -> Batch:
        """The same clips with only the first `n` references."""
        return Batch(
            self.frames, self.references[:, :n], self.coordinates, self.valid,
            self.reference_coordinates[:, :n], self.reference_valid[:, :n],
        )  # fmt: skip


_PARTS = tuple(field.name for field in fields(Batch))


def make_batch(
    clips: Sequence[Clip], stage: Stage, n_references: int, generator: np.random.Generator
) -> Batch:
    """A batch that differs each time the same clips are used.

    References are drawn from the clip's three and its own first frame, which is what
    reconstruction has where nobody gives it a picture.
    """
    return _stack([_vary(clip, stage, n_references, generator) for clip in clips])


def plain_batch(clips: Sequence[Clip], n_frames: int) -> Batch:
    """The first frames of the clips as they are, with all references, for evaluation."""
    return _stack([_parts(clip, 0, n_frames, range(N_REFERENCES)) for clip in clips])


def _vary(
    clip: Clip, stage: Stage, n_references: int, generator: np.random.Generator
) -> list[Tensor]:
    start = int(generator.integers(len(clip.frames) - stage.n_frames + 1))
    order = generator.permutation(N_REFERENCES)
    if generator.random() < _OWN_SHARE:
        order[0] = OWN_FIRST_FRAME
    margin = (stage.resolution - stage.crop) // COORDINATE_CELL
    top, left = generator.integers(margin + 1, size=2).tolist()
    mirrored = generator.random() < 0.5
    contrast = 1 + _CONTRAST * generator.uniform(-1, 1)
    brightness = _BRIGHTNESS * generator.uniform(-1, 1)
    parts = _parts(clip, start, stage.n_frames, order[:n_references].tolist())
    parts = [_window(part, stage.crop, top, left, mirrored) for part in parts]
    return [_relit(part, contrast, brightness) for part in parts]


def _parts(clip: Clip, start: int, n_frames: int, references: Sequence[int]) -> list[Tensor]:
    """What a `Batch` has of one clip, pictures still in bytes."""
    end = start + n_frames
    pairs = (
        (clip.frames, clip.references), (clip.coordinates, clip.reference_coordinates),
        (clip.valid, clip.reference_valid),
    )  # fmt: skip
    pictures, places, valid = (
        (
            frames[start:end],
            torch.cat([own, frames[start : start + 1]])[list(references)],
        )
        for frames, own in pairs
    )
    return [*pictures, places[0], valid[0], places[1], valid[1]]


def _window(part: Tensor, crop: int, top: int, left: int, mirrored: bool) -> Tensor:
    """Crop of pictures or labels [..., H, W]; `top` and `left` count labels.

    Labels name places of the portrait and stay what they are where the picture is mirrored.
    """
    px = COORDINATE_CELL if part.dtype == torch.uint8 else 1
    size = crop * px // COORDINATE_CELL
    cut = part[..., top * px : top * px + size, left * px : left * px + size]
    return cut.flip(-1) if mirrored else cut


def _relit(part: Tensor, contrast: float, brightness: float) -> Tensor:
    if part.dtype != torch.uint8:
        return part
    return part.float().mul_(contrast / 255).add_(brightness).clamp_(0, 1)


def _stack(clips: Sequence[list[Tensor]]) -> Batch:
    columns = (torch.stack(parts) for parts in zip(*clips, strict=True))
    return Batch(*(_relit(column, 1, 0) for column in columns))
