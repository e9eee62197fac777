"""What a face in pictures does, measured by MediaPipe FaceMesh: lips, lids, head.

All measures are ratios or angles, so that size and place of the face do not matter.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from talking_portrait_ros.chunks import F32, U8
from talking_portrait_ros.evaluation.curves import Curve
from talking_portrait_ros.evaluation.videos import timed_pictures

_CACHE_VERSION = 2
_RIGHT_EYE = (33, 160, 158, 133, 153, 144)
_LEFT_EYE = (263, 387, 385, 362, 380, 373)


@dataclass(frozen=True)
class FaceTrack:
    """Measures per frame, float32 [T].

    Attributes:
        gap: inner-lip gap (landmarks 13-14) over face height (10-152).
        width: mouth width (61-291) over the distance of the outer eye corners (33-263).
        ear: eye aspect ratio, mean of both eyes.
        brow: distance of the brows' middles (105, 334) from the outer eye corners (33, 263), over
            face height, mean of both.
        yaw: radians, positive towards the right edge of the picture.
        pitch: radians, positive down.
        found: 1 where a face was found; the other measures are interpolated elsewhere.
    """

    gap: Curve
    width: Curve
    ear: Curve
    brow: Curve
    yaw: Curve
    pitch: Curve
    found: Curve

    def __len__(self) -> int:
        return len(self.gap)


def measure(landmarks: F32) -> dict[str, float]:
    """The measures of one face, landmarks [478, 3] in pixels."""
    height = _distance(landmarks, 10, 152)
    eyes = np.mean([_aspect(landmarks, eye) for eye in (_RIGHT_EYE, _LEFT_EYE)])
    across, down = landmarks[454] - landmarks[234], landmarks[152] - landmarks[10]
    return {
        "gap": _distance(landmarks, 13, 14) / height,
        "width": _distance(landmarks, 61, 291) / _distance(landmarks, 33, 263),
        "ear": float(eyes),
        "brow": (_distance(landmarks, 105, 33) + _distance(landmarks, 334, 263)) / 2 / height,
        "yaw": float(np.arctan2(across[2], across[0])),
        "pitch": float(np.arctan2(down[2], down[1])),
    }


class FaceTracker:
    """FaceMesh on a sequence of frames; use as a context manager."""

    def __init__(self) -> None:
        """Load the model.

        Raises:
            ValueError: MediaPipe is not installed.
        """
        os.environ.setdefault("GLOG_minloglevel", "2")
        try:
            import mediapipe
        except ImportError as error:
            raise ValueError(
                "evaluation needs MediaPipe to see lips: pip install mediapipe==0.10.14"
            ) from error
        self._mesh: Any = mediapipe.solutions.face_mesh.FaceMesh(
            static_image_mode=False, refine_landmarks=True, max_num_faces=1
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._mesh.close()

    def landmarks(self, frame: U8) -> F32 | None:
        """Landmarks of the face in `frame` (uint8 RGB), pixels, or None."""
        faces = self._mesh.process(np.ascontiguousarray(frame)).multi_face_landmarks
        if not faces:
            return None
        points = np.array([(p.x, p.y, p.z) for p in faces[0].landmark], np.float32)
        height, width = frame.shape[:2]
        return points * np.array([width, height, width], np.float32)


def track_frames(frames: Iterable[U8], name: str = "frames") -> FaceTrack:
    """The measures of every frame (uint8 RGB [H, W, 3]).

    Raises:
        ValueError: MediaPipe absent, or no face in more than half of the frames.
    """
    with FaceTracker() as tracker:
        return track_landmarks([tracker.landmarks(frame) for frame in frames], name)


def track_landmarks(marks: Sequence[F32 | None], name: str = "frames") -> FaceTrack:
    """The measures of frames whose landmarks were found, or not.

    Raises:
        ValueError: no face in more than half of the frames.
    """
    found = np.array([m is not None for m in marks], np.float32)
    if not len(marks) or found.mean() < 0.5:
        raise ValueError(
            f"{name}: a face was found in {int(found.sum())} of {len(marks)} frames; "
            "evaluation needs a face that stays in view"
        )
    seen = np.flatnonzero(found)
    rows = [measure(m) for m in marks if m is not None]
    curves = {
        key: np.interp(np.arange(len(marks)), seen, [row[key] for row in rows]).astype(np.float32)
        for key in rows[0]
    }
    return FaceTrack(**curves, found=found)


def track_video(path: str | Path, fps: int = 25, cache: Path | None = None) -> FaceTrack:
    """The measures of a video file at `fps`, frame 0 at the start of its sound.

    Args:
        path: any video that PyAV reads.
        fps: rate of the result; other rates are interpolated.
        cache: a folder where results are kept, bound to the bytes of the file.

    Raises:
        ValueError: unreadable file, no picture track, no face.
    """
    path = Path(path)
    stored = _cache_file(path, fps, cache) if cache else None
    if stored and stored.exists():
        return _load(stored)
    times_s: list[float] = []
    track = track_frames(_frames(path, times_s), str(path))
    track = _at_rate(track, np.asarray(times_s), fps)
    if stored:
        stored.parent.mkdir(parents=True, exist_ok=True)
        np.savez(stored, **{f.name: getattr(track, f.name) for f in fields(track)})
    return track


def read_frames(path: str | Path) -> Iterator[U8]:
    """The pictures of a video file, uint8 RGB.

    Raises:
        ValueError: unreadable file or no picture track.
    """
    return (picture() for _, picture in timed_pictures(path))


def _frames(path: Path, times_s: list[float]) -> Iterator[U8]:
    """Pictures, while their times (from the start of the sound) are put into `times_s`."""
    for time_s, picture in timed_pictures(path):
        times_s.append(time_s)
        yield picture()


def _at_rate(track: FaceTrack, times_s: Curve, fps: int) -> FaceTrack:
    """The measures at the times of the frames of a video at `fps`, interpolated."""
    last_s = float(times_s[-1])
    grid = np.arange(int(last_s * fps + 1e-6) + 1) / fps
    if len(grid) == len(times_s) and np.abs(grid - times_s).max() < 0.002:
        return track
    return FaceTrack(
        **{
            f.name: np.interp(grid, times_s, getattr(track, f.name)).astype(np.float32)
            for f in fields(track)
        }
    )


def _cache_file(path: Path, fps: int, cache: Path) -> Path:
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:24]
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from None
    return cache / f"{digest}-{fps}-{_CACHE_VERSION}.npz"


def _load(stored: Path) -> FaceTrack:
    with np.load(stored) as data:
        return FaceTrack(**{f.name: data[f.name] for f in fields(FaceTrack)})


def _distance(landmarks: F32, first: int, second: int) -> float:
    return float(np.linalg.norm(landmarks[first, :2] - landmarks[second, :2]))


def _aspect(landmarks: F32, eye: tuple[int, ...]) -> float:
    corner, up1, up2, other, down2, down1 = eye
    opening = _distance(landmarks, up1, down1) + _distance(landmarks, up2, down2)
    return opening / (2 * _distance(landmarks, corner, other))
