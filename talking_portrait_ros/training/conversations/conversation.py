"""A conversation as the dyadic generator learns it, and the file that many of them travel in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.spaces import MOTION_WIDTH
from talking_portrait_ros.timebase import Timebase
from talking_portrait_ros.training.corpus.speech import decoded, encoded

FORMAT = "talking-portrait-conversations-1"
LARGEST_BYTES = 64 * 1024 * 1024
TIMEBASE = Timebase()

Bools = NDArray[np.bool_]
Frames = NDArray[np.int64]
Array = NDArray[Any]


@dataclass(frozen=True)
class Conversation:
    """Two tracks of sound and what the face of the first speaker does. n = 640 T.

    Frame t describes samples 640 t .. 640 t + 639 of both tracks.

    Attributes:
        speaker: sound of the one whose face is shown, 16 kHz mono [n].
        partner: sound of the other, [n].
        motion: `motion/arkit-1` of the face, 25 fps, [T, 58].
        speaking: the face speaks, [T].
        partner_speaking: the other speaks, [T].
        partner_phrase_ends: frames in which a phrase of the partner ends, ascending [k].
        events: frames in which an event of the label begins, by kind ("nod", "brow", "blink").
        name: who talks, for messages to people.
    """

    speaker: F32
    partner: F32
    motion: F32
    speaking: Bools
    partner_speaking: Bools
    partner_phrase_ends: Frames
    events: Mapping[str, Frames] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        n_frames = len(self.motion)
        expected = {
            "speaker": (n_frames * TIMEBASE.samples_per_frame,),
            "partner": (n_frames * TIMEBASE.samples_per_frame,),
            "motion": (n_frames, MOTION_WIDTH),
            "speaking": (n_frames,),
            "partner_speaking": (n_frames,),
        }
        for name, shape in expected.items():
            got = getattr(self, name).shape
            if got != shape:
                raise ValueError(
                    f"Conversation.{name} has shape {got}, expected {shape}: the motion has "
                    f"{n_frames} frames of {TIMEBASE.samples_per_frame} samples"
                )

    @property
    def n_frames(self) -> int:
        """T."""
        return len(self.motion)


def save_pack(path: str | Path, conversations: Sequence[Conversation]) -> None:
    """Write conversations into one file.

    Lossy: sound goes through Opus at 24 kbit/s (a silent track stays exactly silent), motion
    through float16 (a head angle keeps 1e-4 radians). All else is kept exactly.

    Raises:
        ValueError: there are none, or the file would be larger than 64 MiB.
    """
    if not conversations:
        raise ValueError("conversations: none given; make at least one")
    tensors: dict[str, Array] = {
        **_joined("speaker", [_sound_bytes(one.speaker) for one in conversations]),
        **_joined("partner", [_sound_bytes(one.partner) for one in conversations]),
        **_joined("motion", [one.motion.astype(np.float16) for one in conversations]),
        **_joined("speaking", [one.speaking for one in conversations]),
        **_joined("partner_speaking", [one.partner_speaking for one in conversations]),
        **_joined("partner_phrase_ends", [one.partner_phrase_ends for one in conversations]),
    }
    kinds = sorted({kind for one in conversations for kind in one.events})
    for kind in kinds:
        nothing = np.zeros(0, np.int64)
        tensors |= _joined(
            f"event.{kind}", [one.events.get(kind, nothing) for one in conversations]
        )
    size = sum(tensor.nbytes for tensor in tensors.values())
    if size > LARGEST_BYTES:
        raise ValueError(
            f"conversations: the pack is {size / 2**20:.1f} MiB; at most "
            f"{LARGEST_BYTES // 2**20} MiB travel: take fewer minutes"
        )
    about = {
        "format": FORMAT,
        "names": json.dumps([one.name for one in conversations]),
        "kinds": json.dumps(kinds),
    }
    part = Path(f"{path}.part")
    save_file(tensors, part, about)
    part.rename(path)


def load_pack(path: str | Path) -> list[Conversation]:
    """The conversations that `save_pack` wrote.

    Raises:
        ValueError: the file is missing, or is not such a pack.
    """
    try:
        with safe_open(path, "np") as file:
            about = file.metadata() or {}
            if about.get("format") != FORMAT:
                raise ValueError(f"its format is {about.get('format')!r}, not {FORMAT!r}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return _conversations(json.loads(about["names"]), json.loads(about["kinds"]), tensors)
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise ValueError(
            f"conversations={str(path)!r}: not a pack of conversations ({error}); "
            "make one with `talking-portrait corpus conversations`"
        ) from error


def _conversations(
    names: list[str], kinds: list[str], tensors: dict[str, Array]
) -> list[Conversation]:
    columns = {name: _parted(name, tensors) for name in tensors if f"{name}.ends" in tensors}
    made = []
    for index, name in enumerate(names):
        row = {column: parts[index] for column, parts in columns.items()}
        motion = row["motion"].astype(np.float32)
        n_samples = len(motion) * TIMEBASE.samples_per_frame
        made.append(
            Conversation(
                _sound(row["speaker"], n_samples),
                _sound(row["partner"], n_samples),
                motion,
                row["speaking"],
                row["partner_speaking"],
                row["partner_phrase_ends"],
                {kind: row[f"event.{kind}"] for kind in kinds},
                name,
            )
        )
    return made


def _sound_bytes(sound: F32) -> Array:
    return np.frombuffer(encoded(sound) if sound.any() else b"", np.uint8)


def _sound(data: Array, n_samples: int) -> F32:
    return decoded(data.tobytes(), n_samples) if len(data) else np.zeros(n_samples, np.float32)


def _joined(name: str, parts: Sequence[Array]) -> dict[str, Array]:
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return {name: np.concatenate(parts), f"{name}.ends": ends}


def _parted(name: str, tensors: dict[str, Array]) -> list[Array]:
    return np.split(tensors[name], tensors[f"{name}.ends"][:-1])
