"""Where the face is: 478 FaceMesh landmarks of one picture, or a clear refusal.

MediaPipe is needed here only, and only for a picture whose landmarks nobody has stored yet.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from talking_portrait_ros.chunks import F32, U8
from talking_portrait_ros.quiet import quiet_stderr

N_LANDMARKS = 478
NOSE_TIP, FOREHEAD, CHIN, EDGE_RIGHT, EDGE_LEFT = 4, 10, 152, 234, 454
EYE_RIGHT, EYE_LEFT = 33, 263
MINIMUM_FACE_PX = 72
MINIMUM_SIDE_RATIO = 0.20
MAXIMUM_ROLL_RAD = math.radians(35)
_SECOND_FACE_SIZE = 0.45
_CANONICAL_PX = 640


def find_landmarks(image: U8, name: str = "portrait") -> F32:
    """The landmarks of the one face in `image` (uint8 RGB [H, W, 3]).

    Returns:
        float32 [478, 3]: x and y in pixels, z in the same unit.

    Raises:
        ValueError: no face, several faces, a face that is too small or not frontal, or
            MediaPipe absent.
    """
    with quiet_stderr(), _open_mesh() as mesh:
        faces = _search(mesh, image)
        _require_one(faces, name)
        landmarks = _refine(mesh, image, faces[0])
    check_landmarks(landmarks, name)
    return landmarks


def face_height(landmarks: F32) -> float:
    """Forehead to chin, pixels."""
    return float(np.linalg.norm(landmarks[FOREHEAD, :2] - landmarks[CHIN, :2]))


def check_landmarks(landmarks: F32, name: str) -> None:
    """Refuse a face that no rig can be made of.

    Raises:
        ValueError: the face is too small, turned or tilted; says what picture would do.
    """
    height = face_height(landmarks)
    if height < MINIMUM_FACE_PX:
        raise ValueError(
            f"{name}: the face is only {height:.0f} px high; use a larger picture or crop: "
            f"at least {MINIMUM_FACE_PX} px, better 300"
        )
    if side_ratio(landmarks) < MINIMUM_SIDE_RATIO:
        raise ValueError(
            f"{name}: the face is turned too far to the side; use a picture of a person who "
            "looks at the camera"
        )
    eyes = landmarks[EYE_LEFT, :2] - landmarks[EYE_RIGHT, :2]
    roll = math.atan2(float(eyes[1]), float(eyes[0]))
    if abs(roll) > MAXIMUM_ROLL_RAD:
        raise ValueError(
            f"{name}: the head is tilted by {math.degrees(roll):.0f} degrees; rotate the picture "
            "until the eyes are level"
        )


def side_ratio(landmarks: F32) -> float:
    """Width of the narrower half of the face over the wider one: 1 frontal, 0 profile."""
    axis = landmarks[EYE_LEFT, :2] - landmarks[EYE_RIGHT, :2]
    axis = axis / max(float(np.linalg.norm(axis)), 1e-6)
    right, nose, left = (float(landmarks[i, :2] @ axis) for i in (EDGE_RIGHT, NOSE_TIP, EDGE_LEFT))
    halves = (nose - right, left - nose)
    return max(min(halves), 0.0) / max(max(halves), 1e-6)


def _open_mesh() -> Any:
    os.environ.setdefault("GLOG_minloglevel", "2")
    try:
        import mediapipe
    except ImportError as error:
        raise ValueError(
            "MediaPipe is not installed, and no landmarks are stored beside the picture: "
            "pip install mediapipe==0.10.14, or copy the .landmarks.npz file made elsewhere"
        ) from error
    return mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, refine_landmarks=True, max_num_faces=3,
        min_detection_confidence=0.4,
    )  # fmt: skip


def _search(mesh: Any, image: U8) -> list[F32]:
    """Faces of the first view in which any is found, largest first."""
    for left, top, side_x, side_y in _views(image):
        faces = _detect(mesh, image, left, top, side_x, side_y)
        if faces:
            return faces
    return []


def _views(image: U8) -> Iterator[tuple[int, int, int, int]]:
    """Windows (left, top, width, height): whole, padded for large faces, parts for small ones."""
    height, width = image.shape[:2]
    yield 0, 0, width, height
    for margin in (0.25, 0.6):
        pad_x, pad_y = round(margin * width), round(margin * height)
        yield -pad_x, -pad_y, width + 2 * pad_x, height + 2 * pad_y
    for part in (0.6, 0.35):
        side = max(1, round(part * min(height, width)))
        for top in np.linspace(0, height - side, 3).astype(int):
            for left in np.linspace(0, width - side, 3).astype(int):
                yield int(left), int(top), side, side


def _detect(
    mesh: Any, image: U8, left: int, top: int, width: int, height: int, longest: int = 1024
) -> list[F32]:
    scale = min(1.0, longest / max(width, height))
    matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]], np.float32)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    view = cv2.warpAffine(
        image, matrix, size, flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    found = mesh.process(view).multi_face_landmarks or []
    faces = [_to_pixels(face, size, scale, left, top) for face in found]
    return _distinct(sorted(faces, key=face_height, reverse=True))


def _to_pixels(face: Any, size: tuple[int, int], scale: float, left: int, top: int) -> F32:
    points = np.array([(p.x, p.y, p.z) for p in face.landmark], np.float32)  # [478, 3]
    points *= np.array([size[0], size[1], size[0]], np.float32) / np.float32(scale)
    return points + np.array([left, top, 0], np.float32)


def _distinct(faces: list[F32]) -> list[F32]:
    """Without second answers for the same face."""
    kept: list[F32] = []
    for face in faces:
        centre = face[:, :2].mean(0)
        apart = [np.linalg.norm(centre - other[:, :2].mean(0)) for other in kept]
        if all(d > 0.5 * face_height(other) for d, other in zip(apart, kept, strict=True)):
            kept.append(face)
    return kept


def _require_one(faces: list[F32], name: str) -> None:
    if not faces:
        raise ValueError(
            f"{name}: no face found; use a picture of one person who looks at the camera, "
            "evenly lit, eyes and mouth uncovered"
        )
    largest = face_height(faces[0])
    n_faces = sum(face_height(face) > _SECOND_FACE_SIZE * largest for face in faces)
    if n_faces > 1:
        raise ValueError(f"{name}: {n_faces} faces found; crop the picture to one person")


def _refine(mesh: Any, image: U8, landmarks: F32) -> F32:
    """The landmarks measured again in a crop of standard size, so that framing matters less."""
    centre = landmarks[:, :2].mean(0)
    side = round(2.3 * face_height(landmarks))
    left, top = (round(float(c) - side / 2) for c in centre)
    again = _detect(mesh, image, left, top, side, side, _CANONICAL_PX)
    near = [
        face for face in again
        if np.linalg.norm(face[:, :2].mean(0) - centre) < 0.25 * face_height(landmarks)
    ]  # fmt: skip
    return near[0] if near else landmarks
