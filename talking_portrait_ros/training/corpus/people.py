"""The rigs of the pack's people, made when they are first needed and kept."""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from talking_portrait_ros.frames.rig.builder import build_rig
from talking_portrait_ros.frames.rig.config import RigConfig
from talking_portrait_ros.frames.rig.renderer import RigRenderer
from talking_portrait_ros.frames.rig.rig import Rig
from talking_portrait_ros.training.corpus.pack import Person

_UPPER, _LOWER = 0, 1
_LARGE = ("skin_basis", "lip_basis", "teeth")


@dataclass(frozen=True)
class Actor:
    """A person who can be drawn.

    Attributes:
        rig: with its large tensors in half precision, which halves the memory.
        matte: the person's share of each pixel, 0..1, [m, m, 1].
    """

    rig: Rig
    matte: Tensor

    def renderer(self) -> RigRenderer:
        """Draws the person."""
        rig = replace(self.rig, **{name: getattr(self.rig, name).float() for name in _LARGE})
        return RigRenderer(rig, rig.picture.device)


class Cast:
    """The actors of a pack on one device; the last ones stay in memory."""

    def __init__(self, people: tuple[Person, ...], device: str, n_kept: int) -> None:
        self._people = people
        self._device = device
        self._n_kept = n_kept
        self._made: OrderedDict[tuple[int, int], Actor] = OrderedDict()

    def actor(self, index: int, resolution: int) -> Actor:
        """Person `index`, drawn at `resolution`."""
        key = index, resolution
        if key not in self._made:
            person = self._people[index]
            rig = build_rig(person.reference(), RigConfig(resolution=resolution))
            rig = replace(rig, **{name: getattr(rig, name).half() for name in _LARGE})
            matte = torch.from_numpy(person.matte_plane())[..., None]
            self._made[key] = Actor(rig.to(self._device), matte.to(self._device))
        self._made.move_to_end(key)
        while len(self._made) > self._n_kept:
            self._made.popitem(last=False)
        return self._made[key]


def with_other_mouth(renderer: RigRenderer, generator: np.random.Generator) -> RigRenderer:
    """The same face with teeth, tongue and cavity of other tones."""
    rig = renderer.rig
    teeth = rig.teeth.clone()
    tones = np.exp(generator.normal(0, (0.14, 0.05, 0.10), 3))
    tint = tones[0] * np.array([1.0, tones[1], tones[1] * tones[2]])
    teeth[..., :3] = (teeth[..., :3] * teeth.new_tensor(tint)).clamp(0, 255)
    teeth[_LOWER, ..., 3] *= float(generator.uniform(0, 1) ** 0.5)
    teeth[_UPPER, ..., 3] *= float(generator.uniform(0.85, 1))
    tissue = (rig.tissue * float(np.exp(generator.normal(0, 0.2)))).clamp(0, 255)
    other = copy.copy(renderer)
    other.rig = replace(rig, teeth=teeth, tissue=tissue)
    return other
