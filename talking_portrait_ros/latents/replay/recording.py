"""The file of a recording: the latents of one clip, as safetensors.

One tensor `values`, float16 or float32, [T_z, C, h, w]; in the metadata the name of the space and
the timebase: `space`, `fps`, `frames_per_latent_step`, `first_step_alone` ("true", "false").
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.timebase import Timebase

LEAST_STEPS = 2
DTYPES = ("F16", "F32")
REMEDY = "make one with `talking-portrait reconstruct --latents FILE`"


@dataclass(frozen=True)
class Recording:
    """The latents of one clip, from a fresh encoder.

    Attributes:
        space: video space, for example "video/ref-vae-512".
        values: [T_z, C, h, w].
        timebase: frame rate, frames per step, and whether the first step stands alone.
    """

    space: str
    values: F32  # [T_z, C, h, w]
    timebase: Timebase

    def __post_init__(self) -> None:
        if not self.space.startswith("video/"):
            raise ValueError(f"space={self.space!r} is no video space")
        if self.values.ndim != 4 or len(self.values) < LEAST_STEPS:
            raise ValueError(
                f"values are {list(self.values.shape)}, expected [T_z, C, h, w] with at least "
                f"{LEAST_STEPS} steps"
            )
        if not np.isfinite(self.values).all():
            raise ValueError("values hold NaN or infinite numbers")


def save_recording(path: str | Path, recording: Recording) -> None:
    """Write a recording in half precision.

    Raises:
        ValueError: a number too large for half precision.
        OSError: the file cannot be written.
    """
    from safetensors.numpy import save_file

    with np.errstate(over="ignore"):
        values = recording.values.astype(np.float16)
    if not np.isfinite(values).all():
        raise ValueError(f"latents={str(path)!r}: numbers above 65504 do not fit half precision")
    timebase = recording.timebase
    metadata = {
        "space": recording.space,
        "fps": str(timebase.fps),
        "frames_per_latent_step": str(timebase.frames_per_latent_step),
        "first_step_alone": str(timebase.first_step_alone).lower(),
    }
    save_file({"values": values}, path, metadata)


def load_recording(path: str | Path) -> Recording:
    """The recording in a file.

    Raises:
        ValueError: no file given, none there, or no latents in it; names the file and the remedy.
    """
    if not str(path):
        raise ValueError(f"latents: no file given; {REMEDY}")
    if not Path(path).is_file():
        raise ValueError(f"latents={str(path)!r}: no such file; {REMEDY}")
    try:
        return _read(path)
    except ValueError as error:
        raise ValueError(f"latents={str(path)!r}: {error}; {REMEDY}") from error


def _read(path: str | Path) -> Recording:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            if list(file.keys()) != ["values"]:
                raise ValueError(f"holds {', '.join(file.keys()) or 'nothing'}, expected values")
            dtype = file.get_slice("values").get_dtype()
            if dtype not in DTYPES:
                raise ValueError(f"values are {dtype}, expected {' or '.join(DTYPES)}")
            values = file.get_tensor("values").astype(np.float32)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"cannot be read as safetensors ({error})") from error
    return Recording(_entry(metadata, "space"), values, _timebase(metadata))


def _timebase(metadata: dict[str, str]) -> Timebase:
    alone = _entry(metadata, "first_step_alone")
    if alone not in ("true", "false"):
        raise ValueError(f"first_step_alone={alone!r}, expected 'true' or 'false'")
    return Timebase(
        fps=_whole_number(metadata, "fps"),
        frames_per_latent_step=_whole_number(metadata, "frames_per_latent_step"),
        first_step_alone=alone == "true",
    )


def _entry(metadata: dict[str, str], name: str) -> str:
    if name not in metadata:
        raise ValueError(f"{name!r} is not in its metadata")
    return metadata[name]


def _whole_number(metadata: dict[str, str], name: str) -> int:
    text = _entry(metadata, name)
    if not text.isdecimal():
        raise ValueError(f"{name}={text!r} in its metadata, expected a whole number")
    return int(text)
