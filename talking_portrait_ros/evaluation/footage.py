"""A face in a video file as square frames at the rate of the graph, read as they are asked for.

One square for the whole clip, so that what moves in it is the person and not the crop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from talking_portrait_ros.chunks import F32, U8
from talking_portrait_ros.evaluation.tracker import FaceTracker
from talking_portrait_ros.evaluation.videos import Picture, has_sound, pictures_at_rate
from talking_portrait_ros.frames.landmarks import find_landmarks
from talking_portrait_ros.frames.portrait import cut_square, face_square
from talking_portrait_ros.quiet import quiet_stderr

FEWEST_FRAMES = 5  # frame 0, and four frames that make one latent step
_LOOK_EVERY_FRAMES = 10
_MARGIN = 0.05  # of the square, between its edge and the face


@dataclass(frozen=True)
class Square:
    """A square of a picture, pixels; it may leave the picture."""

    left: int
    top: int
    side: int

    def cut(self, image: U8, resolution: int) -> U8:
        """What is inside, `resolution` pixels wide."""
        return cut_square(image, self.left, self.top, self.side, resolution)


@dataclass(frozen=True)
class Footage:
    """A face in a video file.

    Attributes:
        path: the file.
        square: where the face is cut out, the same in all frames.
        resolution: height and width of the frames.
        n_frames: how many there are, at `fps`.
        first_frame: frame of the file, counted at `fps`, that is frame 0 here.
        fps: frames per second; at other rates, the frame that is on at the time is shown.
        has_sound: whether the file has a sound track.
    """

    path: Path
    square: Square
    resolution: int
    n_frames: int
    first_frame: int
    fps: int
    has_sound: bool

    def frames(self) -> Iterator[U8]:
        """The frames, uint8 RGB [resolution, resolution, 3], decoded as they are read."""
        for picture in _stretch(self.path, self.fps, self.first_frame, self.n_frames):
            yield self.square.cut(picture(), self.resolution)

    def at(self, numbers: Sequence[int]) -> list[U8]:
        """The frames with these numbers, in this order."""
        until_last = islice(self.frames(), max(numbers) + 1)
        found = {k: frame for k, frame in enumerate(until_last) if k in numbers}
        return [found[k] for k in numbers]


def open_footage(
    path: str | Path,
    resolution: int,
    fps: int = 25,
    start_s: float = 0.0,
    seconds: float | None = None,
) -> Footage:
    """Look through a video once: how long it is, and where the face is.

    Args:
        path: any video that PyAV reads.
        resolution: size of the frames to cut out.
        fps: rate of these frames.
        start_s: where to begin.
        seconds: how much to take; None: all.

    Raises:
        ValueError: missing or unreadable file, no pictures in it, no face, too short.
    """
    path, first_frame = Path(path), round(start_s * fps)
    most = None if seconds is None else round(seconds * fps)
    with quiet_stderr(), FaceTracker() as tracker:
        looks = _Looks(tracker)
        for picture in _stretch(path, fps, first_frame, most):
            looks.count(picture)
    if looks.n_frames < FEWEST_FRAMES:
        raise ValueError(
            f"{path}: {looks.n_frames} frames at {fps} fps from {start_s:g} s on; give at least "
            f"{FEWEST_FRAMES} ({FEWEST_FRAMES / fps:.1f} s)"
        )
    square = looks.square(str(path))
    return Footage(path, square, resolution, looks.n_frames, first_frame, fps, has_sound(path))


def covering(first: Square, faces: Sequence[F32], height: int, width: int) -> Square:
    """`first`, changed by as little as brings every face inside, and itself into the picture.

    It leaves the picture only where the faces need a square larger than that.

    Args:
        first: a square around one of the faces.
        faces: landmarks [N, 3] each, pixels.
        height: of the picture, pixels.
        width: of the picture, pixels.
    """
    ends = np.array([width, height])
    low = np.min([face[:, :2].min(0) for face in faces], axis=0).clip(0, ends)
    high = np.max([face[:, :2].max(0) for face in faces], axis=0).clip(0, ends)
    needed = round(float((high - low).max()) / (1 - 2 * _MARGIN))
    side = max(min(first.side, height, width), needed)
    margin = _MARGIN * side
    starts = np.array([first.left, first.top]) + (first.side - side) / 2
    starts = np.minimum(np.maximum(starts, high + margin - side), low - margin)
    starts = starts.clip(np.minimum(ends - side, 0), np.maximum(ends - side, 0))
    return Square(round(float(starts[0])), round(float(starts[1])), side)


class _Looks:
    """Counts the frames of a clip and looks for the face in some of them."""

    def __init__(self, tracker: FaceTracker) -> None:
        self.n_frames = 0
        self._tracker = tracker
        self._first: U8 | None = None
        self._faces: list[F32] = []

    def count(self, picture: Picture) -> None:
        """One more frame."""
        self.n_frames += 1
        if (self.n_frames - 1) % _LOOK_EVERY_FRAMES:
            return
        image = picture()
        face = self._tracker.landmarks(image)
        if self._first is None or (face is not None and not self._faces):
            self._first = image
        if face is not None:
            self._faces.append(face)

    def square(self, name: str) -> Square:
        """The square that `render` would cut out of the first face, covering them all.

        Raises:
            ValueError: no face was found, and none is in the first frame.
        """
        assert self._first is not None
        faces = self._faces or [find_landmarks(self._first, name)]
        height, width = self._first.shape[:2]
        return covering(Square(*face_square(self._first, faces[0])), faces, height, width)


def _stretch(path: Path, fps: int, first: int, most: int | None) -> Iterator[Picture]:
    """The pictures at `fps` from number `first` on, at most `most` of them."""
    end = None if most is None else first + most
    return islice(pictures_at_rate(path, fps), first, end)
