"""Portraits: any picture file to a `Reference` with landmarks, and the crop that decoders draw.

Landmarks are found once and kept in a small file beside the picture, so that a robot without
MediaPipe can show a portrait that was prepared elsewhere.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from talking_portrait_ros.chunks import F32, U8, Reference
from talking_portrait_ros.frames.landmarks import (
    N_LANDMARKS,
    check_landmarks,
    face_height,
    find_landmarks,
)

CROP_FACE_HEIGHTS = 2.1
_FRAMED = (0.34, 0.80)
_SHARP_UPSCALE = 2.0
# What reading a file of landmarks may raise where it is missing, cut short or something else.
_NOT_STORED = (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile, zlib.error)
_ORIENTATION = 0x0112
_UPRIGHT: dict[int, Callable[[U8], Any]] = {
    2: partial(cv2.flip, flipCode=1),
    3: partial(cv2.rotate, rotateCode=cv2.ROTATE_180),
    4: partial(cv2.flip, flipCode=0),
    5: cv2.transpose,
    6: partial(cv2.rotate, rotateCode=cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.transpose(cv2.rotate(image, cv2.ROTATE_180)),
    8: partial(cv2.rotate, rotateCode=cv2.ROTATE_90_COUNTERCLOCKWISE),
}
_CENTRE = np.array([0.5, 0.5, 0])
_log = logging.getLogger(__name__)


def load_reference(path: str | Path) -> Reference:
    """The picture at `path` with its landmarks, stored ones where they fit.

    Raises:
        ValueError: file missing or unreadable, no face, several faces, face too small or turned,
            or landmarks needed and MediaPipe absent; names the path and the remedy.
    """
    path = Path(path)
    data = _read_bytes(path)
    image = _decode(data, path)
    key = hashlib.sha256(data).hexdigest()
    landmarks = _stored_landmarks(path, key)
    if landmarks is None:
        landmarks = find_landmarks(image, str(path))
        _store(path, key, landmarks)
    check_landmarks(landmarks, str(path))
    return Reference(image, landmarks, str(path))


def with_landmarks(reference: Reference) -> Reference:
    """The same reference, its landmarks looked for where it has none.

    Raises:
        ValueError: as `load_reference`.
    """
    if reference.landmarks is not None:
        return reference
    return replace(reference, landmarks=find_landmarks(reference.image, reference.name))


def sidecar_path(path: str | Path) -> Path:
    """Where the landmarks of the picture at `path` are kept: me.jpg -> me.landmarks.npz."""
    return Path(path).with_suffix(".landmarks.npz")


def save_landmarks(path: str | Path, landmarks: F32) -> Path:
    """Store `landmarks` for the picture at `path`; the file that holds them.

    They are bound to the picture's bytes: a changed picture is looked at anew. Where the folder
    cannot be written, the user's cache folder is taken.
    """
    path = Path(path)
    return _store(path, hashlib.sha256(_read_bytes(path)).hexdigest(), landmarks)


def crop_face(reference: Reference, resolution: int) -> Reference:
    """The square of head and shoulders, `resolution` pixels wide, landmarks moved along.

    A square picture whose face already has a usual size keeps its framing. Where the square
    leaves the picture, the border continues blurred.

    Raises:
        ValueError: no face in a reference that came without landmarks.
    """
    reference = with_landmarks(reference)
    assert reference.landmarks is not None
    left, top, side = face_square(reference.image, reference.landmarks)
    scale = resolution / side
    if scale > _SHARP_UPSCALE:
        _log.warning(
            "%s: the face is %.0f px high and is enlarged %.1f times; a larger picture is sharper",
            reference.name, face_height(reference.landmarks), scale,
        )  # fmt: skip
    image = cut_square(reference.image, left, top, side, resolution)
    # Pixel centres: x' + .5 = (x + .5 - left) * scale.
    moved = (reference.landmarks + np.array([0.5 - left, 0.5 - top, 0])) * scale - _CENTRE
    return Reference(image, moved.astype(np.float32), reference.name)


def face_square(image: U8, landmarks: F32) -> tuple[int, int, int]:
    """Left, top and side of the crop around a face, pixels; it may leave the picture."""
    height, width = image.shape[:2]
    face = face_height(landmarks)
    if height == width and _FRAMED[0] < face / height < _FRAMED[1]:
        return 0, 0, width
    side = round(CROP_FACE_HEIGHTS * face)
    x, y = (landmarks[:, :2].min(0) + landmarks[:, :2].max(0)) / 2
    left, top = x - side / 2, y - 0.47 * side
    return _inside(left, side, width), _inside(top, side, height), side


def _inside(start: float, side: int, length: int) -> int:
    """`start` moved so that the crop stays in the picture, by a tenth of its side at most."""
    wanted = min(max(start, 0.0), float(max(length - side, 0)))
    return round(start + float(np.clip(wanted - start, -0.1 * side, 0.1 * side)))


def cut_square(image: U8, left: int, top: int, side: int, resolution: int) -> U8:
    """A square of `image`, `resolution` pixels wide; outside the border continues blurred."""
    height, width = image.shape[:2]
    pads = (max(-top, 0), max(top + side - height, 0), max(-left, 0), max(left + side - width, 0))
    if any(pads):
        image = _extend(image, pads, blur_px=0.04 * side)
        left, top = left + pads[2], top + pads[0]
    crop = np.ascontiguousarray(image[top : top + side, left : left + side])
    if side == resolution:
        return crop
    how = cv2.INTER_AREA if side > resolution else cv2.INTER_CUBIC
    return cv2.resize(crop, (resolution, resolution), interpolation=how).astype(np.uint8)


def _extend(image: U8, pads: tuple[int, int, int, int], blur_px: float) -> U8:
    """The picture with a border (top, bottom, left, right) that continues it without streaks."""
    wide = cv2.copyMakeBorder(image, *pads, cv2.BORDER_REPLICATE)
    blurred = cv2.GaussianBlur(wide, (0, 0), blur_px)
    inside = np.zeros(wide.shape[:2], np.uint8)
    inside[pads[0] : inside.shape[0] - pads[1], pads[2] : inside.shape[1] - pads[3]] = 1
    distance = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    share = np.clip(distance / blur_px, 0, 1)[..., None]  # [H, W, 1]
    mixed: U8 = (wide * (1 - share) + blurred * share + 0.5).astype(np.uint8)
    return mixed


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ValueError(f"portrait={path}: no such file; give the path of a picture") from error
    except OSError as error:
        raise ValueError(f"portrait={path}: cannot be read: {error.strerror}") from error


def _decode(data: bytes, path: Path) -> U8:
    """Upright RGB: EXIF orientation applied, transparency laid over grey, depth reduced to 8."""
    raw = np.frombuffer(data, np.uint8)
    how = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    colour: NDArray[Any] | None
    try:
        colour = cv2.imdecode(raw, how) if raw.size else None
        whole = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED) if raw.size else None
    except cv2.error:
        colour = whole = None
    if colour is None:
        raise ValueError(f"portrait={path}: not a picture that OpenCV reads; use JPEG or PNG")
    if whole is not None and whole.shape == (*colour.shape[:2], 4):
        colour = _over_grey(whole)
    upright: U8 = _UPRIGHT.get(_orientation(data), np.asarray)(_to_8_bit(colour))
    return cv2.cvtColor(upright, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _orientation(data: bytes) -> int:
    """How the camera was held, from EXIF: 1 (upright) to 8.

    OpenCV would leave it out of WebP pictures and of those with transparency.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as picture:
            warnings.simplefilter("ignore")  # of a very large picture only the header is read
            # TIFF has the same tag, which its reader has applied already.
            is_done = picture.format == "TIFF"
            return 1 if is_done else int(picture.getexif().get(_ORIENTATION, 1))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return 1  # no EXIF that can be read


def _over_grey(bgra: NDArray[Any]) -> NDArray[Any]:
    full = np.iinfo(bgra.dtype).max if np.issubdtype(bgra.dtype, np.integer) else 1.0
    alpha = bgra[..., 3:].astype(np.float32) / full
    mixed: NDArray[Any] = bgra[..., :3] * alpha + 0.5 * full * (1 - alpha)
    return mixed.astype(bgra.dtype)


def _to_8_bit(image: NDArray[Any]) -> U8:
    if image.dtype == np.uint8:
        return image.astype(np.uint8, copy=False)
    full = np.iinfo(image.dtype).max if np.issubdtype(image.dtype, np.integer) else 1.0
    scaled: U8 = np.clip(image.astype(np.float32) * (255 / full) + 0.5, 0, 255).astype(np.uint8)
    return scaled


def _cache_path(key: str) -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "talking_portrait_ros" / f"{key[:32]}.landmarks.npz"


def _stored_landmarks(path: Path, key: str) -> F32 | None:
    """Landmarks kept for these very bytes, else None."""
    for place in (sidecar_path(path), _cache_path(key)):
        try:
            with np.load(place, allow_pickle=False) as stored:
                landmarks, owner = stored["landmarks"], str(stored["image_sha256"])
        except _NOT_STORED:
            continue
        right_kind = landmarks.dtype.kind == "f" and landmarks.shape == (N_LANDMARKS, 3)
        usable = right_kind and np.isfinite(landmarks).all()
        if owner == key and usable:
            return np.asarray(landmarks, np.float32)
    return None


def _store(path: Path, key: str, landmarks: F32) -> Path:
    for place in (sidecar_path(path), _cache_path(key)):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as file:
                np.savez_compressed(file, landmarks=landmarks, image_sha256=np.str_(key))
        except OSError:
            continue
        return place
    _log.warning("%s: landmarks could not be stored; they are looked for each time", path)
    return sidecar_path(path)
