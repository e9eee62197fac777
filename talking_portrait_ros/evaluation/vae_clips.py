"""Clips to try the VAE on: people of a corpus pack that it was not trained on, and real videos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from talking_portrait_ros.chunks import U8
from talking_portrait_ros.evaluation.clips import VIDEO_SUFFIXES, Watch, unwatched
from talking_portrait_ros.evaluation.footage import open_footage
from talking_portrait_ros.evaluation.vae import Source, Trial, try_clip
from talking_portrait_ros.frames.reference_vae.model import ReferenceVae
from talking_portrait_ros.training.corpus import Corpus

CLIP_FRAMES = 49
_FIRST_SEED = 2_000_000_000  # training draws its seeds far from here


def try_people(
    models: Mapping[str, ReferenceVae],
    corpus: Corpus,
    most: int | None,
    sheets: Path | None,
    watch: Watch[str] = unwatched,
) -> list[Trial]:
    """One clip of two seconds of each person of `corpus`, references being other poses.

    Args:
        models: by name; all of one frame size.
        corpus: of people that no model has seen.
        most: take so many people, evenly spread; None: all.
        sheets: a folder for contact sheets.
        watch: shows progress.
    """
    everybody = corpus.people
    size = _resolution(models)

    def source(name: str) -> Source:
        seed = _FIRST_SEED + everybody.index(name)  # the same clip however many are asked for
        clip = corpus.clip(seed, size, CLIP_FRAMES, name)
        return Source(name, pictures(clip.frames), CLIP_FRAMES, list(pictures(clip.references)))

    count = min(most or len(everybody), len(everybody))
    chosen = np.linspace(0, len(everybody) - 1, count).astype(int)
    names = [everybody[k] for k in chosen]
    return _try_all(models, names, source, sheets, watch, "people of the corpus")


def try_videos(
    models: Mapping[str, ReferenceVae],
    folder: Path,
    seconds: float | None,
    sheets: Path | None,
    watch: Watch[str] = unwatched,
) -> list[Trial]:
    """Every video of a folder; references are its first, middle and last frame, as in S1.

    Args:
        models: by name; all of one frame size.
        folder: where the videos are.
        seconds: take so much of each; None: all.
        sheets: a folder for contact sheets.
        watch: shows progress.

    Raises:
        ValueError: no folder, no videos, or one that cannot be read or shows no face.
    """
    names = [path.name for path in videos_in(folder)]
    size = _resolution(models)

    def source(name: str) -> Source:
        footage = open_footage(folder / name, size, seconds=seconds)
        last = footage.n_frames - 1
        references = footage.at([0, last // 2, last])
        return Source(Path(name).stem, footage.frames(), footage.n_frames, references)

    return _try_all(models, names, source, sheets, watch, f"clips of {folder.name}")


def videos_in(folder: Path) -> list[Path]:
    """The videos of a folder, by name.

    Raises:
        ValueError: no folder, or no videos in it.
    """
    if not folder.is_dir():
        raise ValueError(f"clips={folder}: no such folder; give a folder of videos of faces")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
    if not paths:
        raise ValueError(f"clips={folder}: no videos ({', '.join(sorted(VIDEO_SUFFIXES))}) in it")
    return paths


def pictures(planes: Tensor) -> U8:
    """uint8 [T, 3, H, W] of the corpus as [T, H, W, 3]."""
    return np.ascontiguousarray(planes.permute(0, 2, 3, 1).cpu().numpy())


def _try_all(
    models: Mapping[str, ReferenceVae],
    names: list[str],
    source: Callable[[str], Source],
    sheets: Path | None,
    watch: Watch[str],
    text: str,
) -> list[Trial]:
    trials = []
    for name in watch(names, text):
        clip = source(name)
        sheet = sheets / f"{clip.name}.jpg" if sheets else None
        trials.append(try_clip(models, clip, sheet))
    return trials


def _resolution(models: Mapping[str, ReferenceVae]) -> int:
    """The frame size that all models share.

    Raises:
        ValueError: they do not share one.
    """
    sizes = {name: model.config.resolution for name, model in models.items()}
    if len(set(sizes.values())) != 1:
        raise ValueError(f"preset: models of different frame sizes {sizes}; compare equal ones")
    return next(iter(sizes.values()))
