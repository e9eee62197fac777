"""Makes a pack: portraits from a folder, drawn avatars, and speech."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talking_portrait_ros.chunks import F32, U8, Reference
from talking_portrait_ros.frames.portrait import crop_face, with_landmarks
from talking_portrait_ros.frames.rig.builder import build_rig
from talking_portrait_ros.frames.rig.config import RigConfig
from talking_portrait_ros.quiet import quiet_stderr
from talking_portrait_ros.training.corpus.pack import PICTURE_PX, Pack, Person
from talking_portrait_ros.training.corpus.speech import spoken_by_all

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
JPEG_QUALITY, MATTE_QUALITY = 95, 90
MATTE_PX = 256
_log = logging.getLogger(__name__)


def prepare(
    portraits: str | Path | None, n_people: int, n_avatars: int, n_utterances: int, seed: int
) -> Pack:
    """A pack of the pictures in a folder, drawn avatars, and speech of every voice.

    A picture that no rig can be made of is left out, with a warning.

    Args:
        portraits: a folder; None for avatars alone.
        n_people: take so many of the folder's pictures, evenly spread; 0 takes all.
        n_avatars: faces drawn at random.
        n_utterances: sentences per voice.
        seed: of the avatars' looks and of the sentences.

    Raises:
        ValueError: a folder that is missing or without pictures.
    """
    from rich.progress import track

    paths = _pictures(portraits, n_people) if portraits is not None else []
    people = [_usable(path) for path in track(paths, "portraits")]
    avatars = track(range(n_avatars), "avatars") if n_avatars else ()
    people += [avatar_person(number, seed) for number in avatars]
    speech = track(spoken_by_all(n_utterances, seed), "speech", total=None)
    return Pack(tuple(person for person in people if person is not None), tuple(speech))


def person_of(reference: Reference, data: bytes | None = None) -> Person:
    """A person of the pack; `data` is kept where it is a JPEG of exactly the cropped picture.

    Raises:
        ValueError: no rig can be made of the picture.
    """
    portrait = crop_face(with_landmarks(reference), PICTURE_PX)
    assert portrait.landmarks is not None
    same = data is not None and data[:2] == b"\xff\xd8"
    if not same or not np.array_equal(portrait.image, reference.image):
        data = _jpeg(portrait.image[..., ::-1], JPEG_QUALITY)
    assert data is not None
    person = Person(reference.name, data, portrait.landmarks)
    build_rig(person.reference(), RigConfig(resolution=PICTURE_PX))
    matte = np.round(255 * _matte(portrait.image)).astype(np.uint8)
    small = cv2.resize(matte, (MATTE_PX, MATTE_PX), interpolation=cv2.INTER_AREA)
    return replace(person, matte=_jpeg(np.asarray(small, np.uint8), MATTE_QUALITY))


def avatar_person(number: int, seed: int) -> Person | None:
    """A drawn face with a look of its own."""
    from talking_portrait_ros.training.corpus.looks import random_avatar

    return person_of(random_avatar(number, seed))


def _pictures(folder: str | Path, n_people: int) -> list[Path]:
    root = Path(folder)
    if not root.is_dir():
        raise ValueError(f"portraits={str(folder)!r}: no such folder; give one with portraits")
    paths = sorted(path for path in root.iterdir() if path.suffix.lower() in PICTURES)
    if not paths:
        raise ValueError(f"portraits={str(folder)!r}: no pictures ({', '.join(PICTURES)}) in it")
    if not 0 < n_people < len(paths):
        return paths
    return [paths[i] for i in np.linspace(0, len(paths) - 1, n_people).round().astype(int)]


def _usable(path: Path) -> Person | None:
    data = path.read_bytes()
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    try:
        if image is None:
            raise ValueError(f"{path}: not a picture that OpenCV reads")
        rgb = np.ascontiguousarray(image[..., ::-1], np.uint8)
        return person_of(Reference(rgb, None, path.stem), data)
    except ValueError as error:
        _log.warning("left out: %s", error)
        return None


def _jpeg(image: U8, quality: int) -> bytes:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()


def _matte(image: U8) -> F32:
    """The person's share of each pixel, 0..1, by MediaPipe."""
    with quiet_stderr(), _open_segmentation() as segmentation:
        return np.asarray(segmentation.process(image).segmentation_mask, np.float32)


def _open_segmentation() -> Any:
    import mediapipe

    return mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0)
