"""What travels between stages: audio, features, latents, frames. One type per arrow.

Shape letters used everywhere:
    n  audio samples           T  frames (video rate)        B  batch
    D  feature width           C  channels                   H, W  picture height and width
    h, w  latent height and width
Pictures at a stage border are uint8 RGB, [H, W, 3], 0..255. Sound is float32 mono, [n], -1..1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talking_portrait_ros.timebase import NS_PER_S

if TYPE_CHECKING:
    from typing import Self

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Ledger:
    """Time that each stage has spent on a chunk so far, milliseconds, in order of flow."""

    entries: tuple[tuple[str, float], ...] = ()

    def spend(self, stage: str, ms: float) -> Ledger:
        """A ledger in which `stage` has spent `ms` more."""
        return Ledger((*self.entries, (stage, ms)))


@dataclass(frozen=True)
class Header:
    """What every chunk carries besides its data.

    Attributes:
        stamp_ns: capture time of the first sample that the chunk describes, nanoseconds.
        epoch: the stretch between two flushes; a higher epoch makes lower ones void.
        ledger: time spent per stage so far.
        end_of_stream: True on the last chunk of a session; stages then `finish`.
    """

    stamp_ns: int = 0
    epoch: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    end_of_stream: bool = False

    def at(self, stamp_ns: int) -> Header:
        """The same header with another media time."""
        return replace(self, stamp_ns=stamp_ns)

    def spend(self, stage: str, ms: float) -> Header:
        """The same header after `stage` has spent `ms`."""
        return replace(self, ledger=self.ledger.spend(stage, ms))


@dataclass(frozen=True)
class Chunk:
    """Base of all chunks: the header, and `with_header`."""

    header: Header

    def with_header(self, header: Header) -> Self:
        """The same data under another header."""
        return replace(self, header=header)


@dataclass(frozen=True)
class AudioChunk(Chunk):
    """A stretch of sound: float32 mono `samples` [n] in -1..1, from sample `first_sample` on.

    n may be any number, 0 included (an empty chunk with `end_of_stream` ends a stream).

    `partner` is what the person in front says meanwhile: as many samples, on the same clock.
    None means that nobody listens to them, which is as good as their silence. Stages that know
    of one voice only pass it over.
    """

    samples: F32  # [n]
    sample_rate_hz: int
    first_sample: int
    partner: F32 | None = None  # [n]

    def __post_init__(self) -> None:
        _require(self.samples.ndim == 1, "AudioChunk.samples", self.samples.shape, "shape [n]")
        _require_finite("AudioChunk.samples", self.samples)
        _require_position("AudioChunk.first_sample", self.first_sample)
        if self.partner is not None:
            ok = self.partner.shape == self.samples.shape
            _require(ok, "AudioChunk.partner", self.partner.shape,
                     f"the shape of samples, {self.samples.shape}")  # fmt: skip
            _require_finite("AudioChunk.partner", self.partner)

    @property
    def heard_partner(self) -> F32:
        """The partner's sound [n]; silence where there is none."""
        return np.zeros_like(self.samples) if self.partner is None else self.partner

    def piece(self, low: int, high: int | None = None) -> AudioChunk:
        """Samples `low` to `high` of the chunk, both tracks; the stamp moves with them."""
        skipped_ns = low * NS_PER_S // self.sample_rate_hz
        return AudioChunk(
            self.header.at(self.header.stamp_ns + skipped_ns),
            self.samples[low:high],
            self.sample_rate_hz,
            self.first_sample + low,
            None if self.partner is None else self.partner[low:high],
        )


@dataclass(frozen=True)
class FeatureChunk(Chunk):
    """Features of frames `first_frame`.. at the video rate.

    `values` [T, D] float32 belong to the feature space `space`; `speech` [T] is the probability
    that the frame holds speech, 0..1.
    """

    space: str
    values: F32  # [T, D]
    speech: F32  # [T]
    first_frame: int

    def __post_init__(self) -> None:
        _require(self.values.ndim == 2, "FeatureChunk.values", self.values.shape, "shape [T, D]")
        ok = self.speech.shape == self.values.shape[:1]
        _require(ok, "FeatureChunk.speech", self.speech.shape, "shape [T], T as in values")
        _require_finite("FeatureChunk.values", self.values)
        _require_finite("FeatureChunk.speech", self.speech)
        _require_position("FeatureChunk.first_frame", self.first_frame)

    @property
    def n_frames(self) -> int:
        """T."""
        return len(self.values)


@dataclass(frozen=True)
class LatentBlock(Chunk):
    """Latents of one block; `space` says what they mean (see `spaces`).

    `values` is float32 with time first: [T, 58] in `motion/arkit-1`, [T_z, C, h, w] in a video
    space. `n_frames` is the number of frames that the block draws, from `first_frame` on.

    A video space has several frames per latent step, and its first step of a session may stand
    for a single frame (`Timebase.first_step_alone`). With four frames per step the first block of
    a session draws 1 + 4 (T_z - 1) frames, and later ones draw 4 T_z from a `first_frame` of
    1 + 4 k. Only the last block of a session may draw less than its last step describes.
    """

    space: str
    values: F32  # [T, ...]
    first_frame: int
    n_frames: int

    def __post_init__(self) -> None:
        _require(self.values.ndim >= 2, "LatentBlock.values", self.values.shape, "shape [T, ...]")
        _require_finite("LatentBlock.values", self.values)
        _require_position("LatentBlock.first_frame", self.first_frame)
        _require(self.n_frames >= 0, "LatentBlock.n_frames", self.n_frames, "0 or more")


@dataclass(frozen=True)
class FrameChunk(Chunk):
    """Pictures: uint8 RGB `frames` [T, H, W, 3], frame `first_frame` first."""

    frames: U8  # [T, H, W, 3]
    first_frame: int

    def __post_init__(self) -> None:
        ok = self.frames.ndim == 4 and self.frames.shape[-1] == 3 and self.frames.dtype == np.uint8
        _require(
            ok,
            "FrameChunk.frames",
            (self.frames.dtype, self.frames.shape),
            "uint8 of shape [T, H, W, 3]",
        )
        _require_position("FrameChunk.first_frame", self.first_frame)


@dataclass(frozen=True)
class Reference:
    """One picture of the person.

    Attributes:
        image: uint8 RGB [H, W, 3].
        landmarks: float32 [478, 3], FaceMesh order, x and y in pixels of `image`, z in the same
            unit (smaller is nearer); None where nobody has looked for a face yet.
        name: where the picture came from, for messages to people.
    """

    image: U8  # [H, W, 3]
    landmarks: F32 | None = None  # [478, 3]
    name: str = "portrait"

    def __post_init__(self) -> None:
        ok = self.image.ndim == 3 and self.image.shape[-1] == 3 and self.image.dtype == np.uint8
        _require(
            ok,
            "Reference.image",
            (self.image.dtype, self.image.shape),
            "uint8 RGB of shape [H, W, 3]",
        )
        if self.landmarks is not None:
            ok = self.landmarks.shape == (478, 3)
            _require(ok, "Reference.landmarks", self.landmarks.shape, "shape [478, 3]")
            _require_finite("Reference.landmarks", self.landmarks)


@dataclass(frozen=True)
class References:
    """One to three pictures of the same person. Sent once, latched."""

    items: tuple[Reference, ...]

    def __post_init__(self) -> None:
        _require(1 <= len(self.items) <= 3, "References.items", len(self.items), "1 to 3 pictures")

    @property
    def first(self) -> Reference:
        """The picture that decoders with a single reference use."""
        return self.items[0]


def _require(ok: bool, name: str, value: object, expected: str) -> None:
    if not ok:
        raise ValueError(f"{name} is {value}; expected {expected}")


def _require_finite(name: str, values: F32) -> None:
    _require(values.dtype == np.float32, name, values.dtype, "float32")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or infinite numbers; send finite values only")


def _require_position(name: str, value: int) -> None:
    _require(value >= 0, name, value, "0 or more")
