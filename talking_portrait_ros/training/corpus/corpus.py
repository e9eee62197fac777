"""The corpus: endless labelled clips of the people of a pack.

A clip is a pure function of the pack, the settings and its seed (on one kind of device).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.frames.rig.renderer import RigRenderer
from talking_portrait_ros.training.corpus.background import background
from talking_portrait_ros.training.corpus.camera import look, mirrored_views, views
from talking_portrait_ros.training.corpus.chance import stream
from talking_portrait_ros.training.corpus.clip import COORDINATE_CELL, N_REFERENCES, Clip
from talking_portrait_ros.training.corpus.config import CorpusConfig
from talking_portrait_ros.training.corpus.labels import film_map, in_front_of
from talking_portrait_ros.training.corpus.light import Light, joined, lit, softened, spoilt
from talking_portrait_ros.training.corpus.motion import mirrored, performance
from talking_portrait_ros.training.corpus.mouths import Mouths
from talking_portrait_ros.training.corpus.pack import PICTURE_PX, Pack
from talking_portrait_ros.training.corpus.people import Cast, with_other_mouth
from talking_portrait_ros.training.corpus.speech import TIMEBASE

_PIXELS_AT_ONCE = 2**20  # more at once are slower: they leave the cache
_FRAMES_AT_ONCE = 32
_FIRST_REFERENCE = 10**9  # index of its noise


@dataclass(frozen=True)
class _Shots:
    """Pictures to be taken: motion [n, 58], views [n, 2, 3], light, index of each one's noise."""

    motion: F32
    views: F32
    light: Light
    indices: list[int]

    def mirrored(self) -> _Shots:
        return replace(self, views=mirrored_views(self.views))

    def part(self, first: int, last: int) -> _Shots:
        return _Shots(
            self.motion[first:last], self.views[first:last], self.light.part(first, last),
            self.indices[first:last],
        )  # fmt: skip


@dataclass(frozen=True)
class _Scene:
    """All choices of one clip."""

    seed: int
    person: int
    resolution: int
    frames: _Shots
    references: _Shots
    mouth: F32
    samples: F32
    renderer: RigRenderer
    matte: Tensor
    backdrop: Tensor | None  # [R, R, 3]
    is_mirrored: bool


@dataclass(frozen=True)
class _Taken:
    """Finished pictures with their coordinates and what of these is valid."""

    pictures: Tensor
    coordinates: Tensor
    valid: Tensor


class Corpus:
    """Labelled clips of the people of a pack. Can be pickled; each process makes its own rigs."""

    def __init__(
        self, pack: Pack, device: str = "cpu", config: CorpusConfig | None = None
    ) -> None:
        """Clips of `pack`, drawn on `device`."""
        self.pack = pack
        self.device = device
        self.config = config or CorpusConfig()
        self._prepare()

    @classmethod
    def load(
        cls, path: str | Path, device: str = "cpu", config: CorpusConfig | None = None
    ) -> Corpus:
        """The corpus of the pack at `path`.

        Raises:
            ValueError: the file is missing, or is not a pack.
        """
        return cls(Pack.load(path), device, config)

    @property
    def people(self) -> list[str]:
        """Names of the people, as `clip` takes them."""
        return [person.name for person in self.pack.people]

    def clip(self, seed: int, resolution: int, n_frames: int, person: str | None = None) -> Clip:
        """The clip of a seed.

        Args:
            seed: any number from 0 on.
            resolution: height and width, a multiple of 8 from 64 to 512.
            n_frames: its length at 25 fps.
            person: who is seen; the seed decides where not given.

        Raises:
            ValueError: a number out of range, or an unknown person.
        """
        parts = list(self.stretches(seed, resolution, n_frames, self._at_once(resolution), person))
        if len(parts) == 1:
            return parts[0]
        whole = {
            name: torch.cat([getattr(part, name) for part in parts])
            for name in ("frames", "coordinates", "valid", "motion", "mouth", "samples")
        }
        last = parts[-1]
        return Clip(
            **whole, references=last.references,
            reference_coordinates=last.reference_coordinates,
            reference_valid=last.reference_valid, person=last.person, seed=seed,
        )  # fmt: skip

    def acted(self, seed: int, resolution: int, motion: Tensor) -> Tensor:
        """The clip of `seed` with motion [T, 58] in place of its own: [T, 3, R, R], bytes."""
        scene = self._scene(seed, resolution, len(motion), None)
        rows = motion.cpu().numpy()
        shots = replace(scene.frames, motion=mirrored(rows) if scene.is_mirrored else rows)
        n_frames = self._at_once(resolution)
        parts = [shots.part(k, k + n_frames) for k in range(0, len(motion), n_frames)]
        return torch.cat([self._take(scene, part).pictures for part in parts])

    def clips(self, resolution: int, n_frames: int, seed: int = 0) -> Iterator[Clip]:
        """Endless clips; `seed` says which."""
        generator = stream(seed, "clips")
        while True:
            yield self.clip(int(generator.integers(2**62)), resolution, n_frames)

    def stretches(
        self, seed: int, resolution: int, n_frames: int, stretch_frames: int,
        person: str | None = None,
    ) -> Iterator[Clip]:  # fmt: skip
        """A clip in parts that follow each other, for clips too long for the memory.

        Raises:
            ValueError: as `clip`.
        """
        _require("seed", seed, 0, 2**63 - 1)
        _require("resolution", resolution, 64, PICTURE_PX)
        _require("n_frames", n_frames, 1, 10**7)
        _require("stretch_frames", stretch_frames, 1, 10**7)
        if resolution % COORDINATE_CELL:
            raise ValueError(f"resolution={resolution}: must be a multiple of {COORDINATE_CELL}")
        scene = self._scene(seed, resolution, n_frames, person)
        references = self._take(scene, scene.references)
        for first in range(0, n_frames, stretch_frames):
            last = min(first + stretch_frames, n_frames)
            yield self._clip(scene, references, first, last)

    def _clip(self, scene: _Scene, references: _Taken, first: int, last: int) -> Clip:
        shots = scene.frames.part(first, last)
        frames = self._take(scene, shots)
        per_frame = TIMEBASE.samples_per_frame
        motion = mirrored(shots.motion) if scene.is_mirrored else shots.motion
        return Clip(
            frames=frames.pictures,
            references=references.pictures,
            coordinates=frames.coordinates,
            reference_coordinates=references.coordinates,
            valid=frames.valid,
            reference_valid=references.valid,
            motion=torch.from_numpy(motion.copy()).to(self.device),
            mouth=torch.from_numpy(scene.mouth[first:last].copy()).to(self.device),
            samples=torch.from_numpy(
                scene.samples[first * per_frame : last * per_frame].copy()
            ).to(self.device),
            person=self.pack.people[scene.person].name,
            seed=scene.seed,
        )

    def _scene(self, seed: int, resolution: int, n_frames: int, person: str | None) -> _Scene:
        config = self.config
        generator = stream(seed, "scene")
        index, is_mirrored, has_mouth, has_background = self._index(person), *generator.random(3)
        if index is None:
            index = int(stream(seed, "person").integers(len(self.pack.people)))
        drawn_px = self._drawn_px(resolution)
        actor = self._cast.actor(index, drawn_px)
        renderer = actor.renderer()
        if has_mouth < config.mouth:
            renderer = with_other_mouth(renderer, stream(seed, "inner mouth"))
        backdrop = None
        if has_background < config.background:
            backdrop = torch.from_numpy(background(seed, drawn_px)).to(self.device)
        heard = self._mouths.make(seed, n_frames)
        motion = performance(seed, n_frames, heard.mouth, config)
        light = Light.of_clip(seed, n_frames, config)
        frames = _Shots(motion, views(seed, n_frames, config), light, list(range(n_frames)))
        shots = frames, self._reference_shots(seed, frames)
        if is_mirrored < config.mirrored:
            shots = shots[0].mirrored(), shots[1].mirrored()
        return _Scene(
            seed, index, resolution, *shots, heard.mouth, heard.samples, renderer, actor.matte,
            backdrop, bool(is_mirrored < config.mirrored),
        )  # fmt: skip

    def _reference_shots(self, seed: int, frames: _Shots) -> _Shots:
        """The person at other moments, in some clips once at rest."""
        shots = []
        if stream(seed, "rest").random() < self.config.rest:
            first = frames.part(0, 1)
            shots.append((np.zeros_like(first.motion), first.views, first.light))
        for k in range(len(shots), N_REFERENCES):
            other = int(stream(seed, "reference", k).integers(2**62))
            motion = performance(other, 1, self._mouths.shapes(other, 1), self.config)
            view = views(seed, 1, self.config, take=k + 1)
            shots.append((motion, view, frames.light.for_reference(other, self.config)))
        motions, all_views, lights = zip(*shots, strict=True)
        return _Shots(
            np.concatenate(motions), np.concatenate(all_views), joined(lights),
            [_FIRST_REFERENCE + k for k in range(N_REFERENCES)],
        )  # fmt: skip

    @torch.no_grad()
    def _take(self, scene: _Scene, shots: _Shots) -> _Taken:
        """Draw, film and spoil some pictures of a scene."""
        mapped = scene.renderer.render_mapped(torch.from_numpy(shots.motion))
        pictures, shown = mapped.frames, mapped.shown
        if scene.backdrop is not None:
            pictures, shown = in_front_of(scene.backdrop, scene.matte, mapped)
        coordinates, valid = film_map(mapped.sources, shown, shots.views, scene.resolution)
        pictures = softened(pictures, scene.seed, self.config)
        times = pictures.shape[1] // scene.resolution
        pictures = look(pictures, shots.views, "bicubic" if times == 1 else "bilinear")
        planes = pictures.permute(0, 3, 1, 2).to(torch.float32, copy=True).div_(255)
        planes = functional.avg_pool2d(planes, times) if times > 1 else planes
        if scene.is_mirrored:
            coordinates = coordinates * coordinates.new_tensor([-1, 1])[:, None, None]
        planes = lit(planes, shots.light)
        finished = spoilt(planes, scene.seed, shots.indices, self.config)
        return _Taken(finished.contiguous(), coordinates.contiguous(), valid.contiguous())

    def _drawn_px(self, resolution: int) -> int:
        """The rig's resolution for clips of `resolution`."""
        return resolution * max(1, min(self.config.oversampling, PICTURE_PX // resolution))

    def _at_once(self, resolution: int) -> int:
        """Frames that are best drawn together."""
        if self.device != "cpu":
            return _FRAMES_AT_ONCE
        return max(1, min(_FRAMES_AT_ONCE, _PIXELS_AT_ONCE // self._drawn_px(resolution) ** 2))

    def _index(self, person: str | None) -> int | None:
        if person is None:
            return None
        names = self.people
        if person not in names:
            raise ValueError(
                f"person={person!r}: not in the pack; it has {', '.join(names[:5])} ..."
            )
        return names.index(person)

    def _prepare(self) -> None:
        self._cast = Cast(self.pack.people, self.device, self.config.people_kept)
        self._mouths = Mouths(self.pack.speech, self.config)

    def __getstate__(self) -> dict[str, Any]:
        return {"pack": self.pack, "device": self.device, "config": self.config}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()


def _require(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name}={value!r}: must be within {low} to {high}")
