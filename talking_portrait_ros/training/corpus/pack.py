"""The pack: everything that clips are made of, in one file that travels.

A person is a picture of 512 x 512 as JPEG, 478 landmarks, and a matte. The rig itself (12 MB) is
worked out from these again where it is needed: 0.4 s, without MediaPipe, and bit for bit the same.
An utterance is sound as Opus, and the articulators of each frame in 8 bits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from talking_portrait_ros.chunks import F32, U8, Reference
from talking_portrait_ros.frames.landmarks import N_LANDMARKS
from talking_portrait_ros.latents.audio_regression.visemes import N_ARTICULATORS
from talking_portrait_ros.timebase import Timebase

FORMAT = "talking-portrait-corpus-1"
LARGEST_BYTES = 64 * 1024 * 1024
PICTURE_PX = 512
_LEVELS = 127  # of an articulator, -1..1

Array = NDArray[Any]


@dataclass(frozen=True)
class Person:
    """One face of the pack.

    Attributes:
        name: what the clips call the person.
        picture: 512 x 512 RGB, as JPEG.
        landmarks: in pixels of the picture, float32 [478, 3].
        matte: the person's share of each pixel, grey, as JPEG; empty where nobody knows it.
    """

    name: str
    picture: bytes
    landmarks: F32
    matte: bytes = b""

    def reference(self) -> Reference:
        """The picture, as the rig's builder wants it."""
        return Reference(_decoded(self.picture, cv2.IMREAD_COLOR), self.landmarks, self.name)

    def matte_plane(self) -> F32:
        """The matte, 0..1, [m, m]; 1 everywhere where there is none."""
        if not self.matte:
            return np.ones((2, 2), np.float32)
        plane = _decoded(self.matte, cv2.IMREAD_GRAYSCALE)
        return plane.astype(np.float32) / np.float32(255)


@dataclass(frozen=True)
class Spoken:
    """One utterance of the pack: frame-aligned sound and mouth.

    Attributes:
        voice: who says it.
        sound: 16 kHz mono, Opus in Ogg.
        articulators: per frame, see `visemes`, float32 [T, 5].
    """

    voice: str
    sound: bytes
    articulators: F32


@dataclass(frozen=True)
class Pack:
    """People and speech."""

    people: tuple[Person, ...]
    speech: tuple[Spoken, ...]

    @property
    def speech_s(self) -> float:
        """Length of the speech, seconds."""
        return sum(len(spoken.articulators) for spoken in self.speech) / Timebase().fps

    def save(self, path: str | Path) -> None:
        """Write the pack.

        Raises:
            ValueError: it is empty, or larger than 64 MiB.
        """
        if not self.people:
            raise ValueError("corpus: no people; give a folder with portraits, or avatars")
        tensors = {
            **_joined("pictures", [person.picture for person in self.people]),
            **_joined("mattes", [person.matte for person in self.people]),
            **_joined("sounds", [spoken.sound for spoken in self.speech]),
            "landmarks": np.stack([person.landmarks for person in self.people]),
            "articulators": np.concatenate(
                [np.zeros((0, N_ARTICULATORS), np.int8),
                 *(_quantised(spoken.articulators) for spoken in self.speech)]
            ),
            "articulators.ends": _ends([spoken.articulators for spoken in self.speech]),
        }  # fmt: skip
        size = sum(tensor.nbytes for tensor in tensors.values())
        if size > LARGEST_BYTES:
            raise ValueError(
                f"corpus: the pack is {size / 2**20:.1f} MiB; at most "
                f"{LARGEST_BYTES // 2**20} MiB travel: take fewer people or less speech"
            )
        names = {
            "format": FORMAT,
            "people": json.dumps([person.name for person in self.people]),
            "voices": json.dumps([spoken.voice for spoken in self.speech]),
        }
        part = Path(f"{path}.part")
        save_file(tensors, part, names)
        part.rename(path)

    @classmethod
    def load(cls, path: str | Path) -> Pack:
        """The pack that `save` wrote.

        Raises:
            ValueError: the file is missing, or is not a pack.
        """
        try:
            with safe_open(path, "np") as file:
                about = file.metadata() or {}
                if about.get("format") != FORMAT:
                    raise ValueError(f"its format is {about.get('format')!r}, not {FORMAT!r}")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            people = _people(json.loads(about["people"]), tensors)
            return cls(people, _speech(json.loads(about["voices"]), tensors))
        except (OSError, KeyError, ValueError, SafetensorError) as error:
            raise ValueError(
                f"corpus={str(path)!r}: not a corpus pack ({error}); "
                "make one with `talking-portrait corpus prepare`"
            ) from error


def _people(names: list[str], tensors: dict[str, Array]) -> tuple[Person, ...]:
    pictures, mattes = _parted("pictures", tensors), _parted("mattes", tensors)
    landmarks = np.asarray(tensors["landmarks"], np.float32)
    if landmarks.shape[1:] != (N_LANDMARKS, 3):
        raise ValueError(f"landmarks are {landmarks.shape}")
    rows = zip(names, pictures, landmarks, mattes, strict=True)
    return tuple(Person(name, picture, marks, matte) for name, picture, marks, matte in rows)


def _speech(voices: list[str], tensors: dict[str, Array]) -> tuple[Spoken, ...]:
    curves = np.asarray(tensors["articulators"], np.float32) / np.float32(_LEVELS)
    parts = np.split(curves, tensors["articulators.ends"][:-1])[: len(voices)]
    rows = zip(voices, _parted("sounds", tensors), parts, strict=True)
    return tuple(Spoken(voice, sound, part) for voice, sound, part in rows)


def _quantised(curves: F32) -> Array:
    return np.round(np.clip(curves, -1, 1) * _LEVELS).astype(np.int8)


def _joined(name: str, parts: Sequence[bytes]) -> dict[str, Array]:
    return {name: np.frombuffer(b"".join(parts), np.uint8), f"{name}.ends": _ends(parts)}


def _ends(parts: Sequence[bytes | F32]) -> Array:
    return np.cumsum([len(part) for part in parts], dtype=np.int64)


def _parted(name: str, tensors: dict[str, Array]) -> list[bytes]:
    whole, ends = tensors[name].tobytes(), [0, *tensors[f"{name}.ends"].tolist()]
    return [whole[start:end] for start, end in zip(ends, ends[1:], strict=False)]


def _decoded(data: bytes, flags: int) -> U8:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise ValueError("corpus: a picture of the pack is damaged; prepare the pack again")
    return np.asarray(
        cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if image.ndim == 3 else image, np.uint8
    )
