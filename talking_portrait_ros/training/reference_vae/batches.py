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
_PICTURES = ("frames", "references")
_PLACES = ("coordinates", "reference_coordinates")
# Middle and reach (x, y) of mouth, right and left eye in the portrait, -1..1, as portraits are
# framed; wide enough for the usual spread of framings.
_FEATURES = (
    ((0.0, 0.3), (0.36, 0.2)),
    ((-0.22, -0.16), (0.2, 0.13)),
    ((0.22, -0.16), (0.2, 0.13)),
)


@dataclass(frozen=True)
class Batch:
    """Clips of one step. Colours 0..1.

    Labels are places in the portrait (x, y), in units of the window that is cut out: -1..1 is the
    window in a portrait that lies still. In a mirrored clip the portrait is mirrored, too.

    Attributes:
        frames: [B, T, 3, H, W].
        references: [B, M, 3, H, W].
        coordinates: where each position comes from, [B, T, 2, s, s].
        valid: how far the label holds, 0..1, [B, T, 1, s, s].
        features: how far it is mouth or eyes, 0..1, [B, T, 1, s, s].
        reference_coordinates: as `coordinates`, of the references, [B, M, 2, s, s].
        reference_valid: [B, M, 1, s, s].
    """

    frames: Tensor
    references: Tensor
    coordinates: Tensor
    valid: Tensor
    features: Tensor
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
            self.frames, self.references[:, :n], self.coordinates, self.valid, self.features,
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
    return _stack([_varied(clip, stage, n_references, generator) for clip in clips])


def plain_batch(clips: Sequence[Clip], n_frames: int) -> Batch:
    """The first frames of the clips as they are, with all references, for evaluation."""
    return _stack([_parts(clip, 0, n_frames, range(N_REFERENCES)) for clip in clips])


def features_of(coordinates: Tensor) -> Tensor:
    """How far places of the portrait [T, 2, s, s], -1..1, are mouth or eyes: [T, 1, s, s]."""
    inside = torch.zeros_like(coordinates[:, :1])
    for middle, reach in _FEATURES:
        away = (coordinates - _pair(middle)) / _pair(reach)
        away = away.square().sum(dim=1, keepdim=True)
        inside = torch.maximum(inside, (1.5 - away).clamp(0, 1))
    return inside


def _pair(values: tuple[float, float]) -> Tensor:
    return torch.tensor(values).view(2, 1, 1)


def _varied(
    clip: Clip, stage: Stage, n_references: int, generator: np.random.Generator
) -> dict[str, Tensor]:
    start = int(generator.integers(len(clip.frames) - stage.n_frames + 1))
    order = generator.permutation(N_REFERENCES)
    if generator.random() < _OWN_SHARE:
        order[0] = OWN_FIRST_FRAME
    parts = _parts(clip, start, stage.n_frames, order[:n_references].tolist())
    parts = _cut(parts, stage, generator)
    if generator.random() < 0.5:
        parts = _mirrored(parts)
    contrast = 1 + _CONTRAST * generator.uniform(-1, 1)
    brightness = _BRIGHTNESS * generator.uniform(-1, 1)
    lit = {name: _relit(parts[name], contrast, brightness) for name in _PICTURES}
    return {**parts, **lit}


def _parts(clip: Clip, start: int, n_frames: int, references: Sequence[int]) -> dict[str, Tensor]:
    """What a `Batch` has of one clip, pictures still in bytes."""
    which, end = list(references), start + n_frames

    def chosen(own: Tensor, frames: Tensor) -> Tensor:
        return torch.cat([own, frames[start : start + 1]])[which]

    coordinates = clip.coordinates[start:end]
    return {
        "frames": clip.frames[start:end],
        "references": chosen(clip.references, clip.frames),
        "coordinates": coordinates,
        "valid": clip.valid[start:end],
        "features": features_of(coordinates),
        "reference_coordinates": chosen(clip.reference_coordinates, clip.coordinates),
        "reference_valid": chosen(clip.reference_valid, clip.valid),
    }


def _cut(
    parts: dict[str, Tensor], stage: Stage, generator: np.random.Generator
) -> dict[str, Tensor]:
    """The stage's window at a random place; places in units of it."""
    cells, whole = stage.crop // COORDINATE_CELL, stage.resolution // COORDINATE_CELL
    left, top = generator.integers(whole - cells + 1, size=2).tolist()
    cut = {}
    for name, part in parts.items():
        px = COORDINATE_CELL if name in _PICTURES else 1
        rows, columns = (slice(edge * px, (edge + cells) * px) for edge in (top, left))
        cut[name] = part[..., rows, columns]
    middle = torch.tensor([2 * edge + cells for edge in (left, top)]) / whole - 1
    for name in _PLACES:
        cut[name] = (cut[name] - middle.view(2, 1, 1)) * (whole / cells)
    return cut


def _mirrored(parts: dict[str, Tensor]) -> dict[str, Tensor]:
    flipped = {name: part.flip(-1) for name, part in parts.items()}
    other_side = torch.tensor([-1.0, 1.0]).view(2, 1, 1)
    return {**flipped, **{name: flipped[name] * other_side for name in _PLACES}}


def _relit(part: Tensor, contrast: float, brightness: float) -> Tensor:
    """Bytes to 0..1."""
    return part.float().mul_(contrast / 255).add_(brightness).clamp_(0, 1)


def _stack(clips: Sequence[dict[str, Tensor]]) -> Batch:
    columns = {name: torch.stack([parts[name] for parts in clips]) for name in _PARTS}
    bytes_left = [name for name in _PICTURES if columns[name].dtype == torch.uint8]
    return Batch(**{**columns, **{name: _relit(columns[name], 1, 0) for name in bytes_left}})
