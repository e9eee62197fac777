"""Real clips of people who speak: the sound, the measured lips, and the lag between them."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from talking_portrait_ros.audio.files import read_sound
from talking_portrait_ros.chunks import F32
from talking_portrait_ros.evaluation.curves import best_lag
from talking_portrait_ros.evaluation.rivals import leave_one_out, log_mel
from talking_portrait_ros.evaluation.tracker import FaceTrack, track_video
from talking_portrait_ros.timebase import Timebase

T = TypeVar("T")
Watch = Callable[[Sequence[T], str], Iterable[T]]
LagSource = Literal["index", "estimated", "assumed 0"]

DATA_VARIABLE = "TALKING_PORTRAIT_DATA"
VIDEO_SUFFIXES = {".mp4", ".mkv", ".mov", ".avi", ".webm", ".mpg"}
MAX_LAG_FRAMES = 3  # 120 ms: what real clips were found to carry
_FEWEST_TO_ESTIMATE = 4


def unwatched(items: Sequence[T], text: str) -> Iterable[T]:
    """Goes through `items` without showing progress."""
    return items


def data_folder(name: str) -> Path:
    """The evaluation data called `name`: below $TALKING_PORTRAIT_DATA, or ../shared/data.

    Raises:
        ValueError: it is in neither place.
    """
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    root = Path(os.environ.get(DATA_VARIABLE) or beside)
    if not (root / name).is_dir():
        raise ValueError(
            f"evaluation data {name!r} is not in {root}; give a folder of your own clips, or set "
            f"{DATA_VARIABLE} to a folder that holds {name!r}"
        )
    return root / name


@dataclass(frozen=True)
class Clip:
    """One clip.

    Attributes:
        name: file name without the suffix.
        path: the file.
        samples: its sound, mono at the timebase's rate.
        track: the measured face.
        lag_frames: by how much the lips come later than the sound; see `curves`.
        lag_source: where the lag is known from.
    """

    name: str
    path: Path
    samples: F32
    track: FaceTrack
    lag_frames: int
    lag_source: LagSource


def load_clips(
    folder: str | Path,
    timebase: Timebase | None = None,
    cache: Path | None = None,
    watch: Watch[Path] = unwatched,
) -> list[Clip]:
    """All videos of a folder.

    Lags come from the column `model_lag_ms` of `index.csv` in the folder or beside it. Without
    one they are estimated with the linear rival, where there are enough clips, and otherwise
    taken as 0.

    Args:
        folder: where the videos are.
        timebase: rates; 16 kHz and 25 fps when not given.
        cache: where measured faces are kept.
        watch: shows progress.

    Raises:
        ValueError: no folder, no videos, or a video without sound or face.
    """
    folder, timebase = Path(folder), timebase or Timebase()
    if not folder.is_dir():
        raise ValueError(f"clips={folder}: no such folder; give a folder of videos of speech")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
    if not paths:
        raise ValueError(f"clips={folder}: no videos ({', '.join(sorted(VIDEO_SUFFIXES))}) in it")
    lags_ms = _indexed_lags_ms(folder)
    clips = [
        _load(path, lags_ms.get(path.name), timebase, cache)
        for path in watch(paths, "measuring real lips")
    ]
    return _with_estimated_lags(clips, timebase)


def _load(path: Path, lag_ms: float | None, timebase: Timebase, cache: Path | None) -> Clip:
    track = track_video(path, timebase.fps, cache)
    lag = round((lag_ms or 0.0) * timebase.fps / 1000)
    source: LagSource = "assumed 0" if lag_ms is None else "index"
    return Clip(path.stem, path, read_sound(path, timebase.sample_rate_hz), track, lag, source)


def _indexed_lags_ms(folder: Path) -> dict[str, float]:
    """Lag by file name, from the index in the folder or in the one above it."""
    for index in (folder / "index.csv", folder.parent / "index.csv"):
        if not index.is_file():
            continue
        with index.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        return {
            Path(row["file"]).name: float(row["model_lag_ms"])
            for row in rows
            if row.get("file") and row.get("model_lag_ms")
        }
    return {}


def _with_estimated_lags(clips: list[Clip], timebase: Timebase) -> list[Clip]:
    unknown = [clip for clip in clips if clip.lag_source != "index"]
    if not unknown or len(clips) < _FEWEST_TO_ESTIMATE:
        return clips
    features = [log_mel(clip.samples, timebase) for clip in clips]
    lips = [clip.track.gap for clip in clips]
    guesses = leave_one_out(features, lips, [clip.lag_frames for clip in clips])
    return [
        clip
        if clip.lag_source == "index"
        else replace(
            clip,
            lag_frames=best_lag(guess, clip.track.gap, MAX_LAG_FRAMES)[0],
            lag_source="estimated",
        )
        for clip, guess in zip(clips, guesses, strict=True)
    ]
