"""What the reference-guided VAE keeps of a clip, with no, one and three references.

Beside it in the same run, on the same frames: the first reference copied unchanged, and a small
picture of as many numbers as the latents. The lips of the decoded frames are measured by the
tracker that measures those of the original.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from talking_portrait_ros.chunks import F32, U8
from talking_portrait_ros.evaluation.curves import correlation
from talking_portrait_ros.evaluation.fidelity import Fidelity, Thumbnail
from talking_portrait_ros.evaluation.reconstruction import VaeDecoder, VaeEncoder, grouped
from talking_portrait_ros.evaluation.sheets import trial_sheet
from talking_portrait_ros.evaluation.tracker import FaceTracker, track_landmarks
from talking_portrait_ros.frames.reference_vae.model import ReferenceVae
from talking_portrait_ros.quiet import quiet_stderr

REFERENCE_COUNTS = (0, 1, 3)
MOVING_GAP = 0.004
"""Lips whose gap deviates less (of the face height) do not move: that is the tracker's noise."""

_SSIM_EVERY = 4
_N_MOMENTS = 3


@dataclass(frozen=True)
class Source:
    """One clip to try: `frames` (uint8 RGB), how many they are, and three references as large."""

    name: str
    frames: Iterable[U8]
    n_frames: int
    references: Sequence[U8]


@dataclass(frozen=True)
class Score:
    """One model with some references on one clip; `mouth_r` is None where no face was seen."""

    psnr_db: float
    ssim: float
    mouth_r: float | None


@dataclass(frozen=True)
class Trial:
    """What became of one clip.

    Attributes:
        name: the clip, or the person.
        n_frames: its length.
        scores: by name of the model, then number of references.
        copied_db: PSNR of the first reference, shown all the time.
        thumbnail_db: PSNR of small pictures of as many numbers.
        gap_deviation: how much the lips of the original move, of the face height; None where no
            face was seen.
    """

    name: str
    n_frames: int
    scores: dict[str, dict[int, Score]]
    copied_db: float
    thumbnail_db: float
    gap_deviation: float | None

    @property
    def lips_move(self) -> bool:
        """Whether a correlation of the lips says anything."""
        return self.gap_deviation is not None and self.gap_deviation >= MOVING_GAP


def try_clip(models: Mapping[str, ReferenceVae], source: Source, sheet: Path | None) -> Trial:
    """Encode `source` with each model and decode it with each number of references.

    Args:
        models: by name; all of one frame size.
        source: the clip, gone through once.
        sheet: where its contact sheet goes.
    """
    with quiet_stderr(), ExitStack() as stack:  # MediaPipe has much to say
        original = _Lips(stack.enter_context(FaceTracker()))
        coders = {name: _Coder(model, source, stack) for name, model in models.items()}
        config = next(iter(models.values())).config
        rivals = _Rivals(source, config.latent_channels * config.latent_size**2)
        moments = _Moments(source.n_frames)
        for group, n_frames in grouped(source.frames, config.time_factor):
            shown = group[:n_frames]
            original.look(shown)
            made = {name: coder.step(group, shown) for name, coder in coders.items()}
            thumbnails = rivals.step(shown)
            moments.keep(shown, [*next(iter(made.values())).values(), thumbnails])
        gap = original.gap()
        scores = {name: coder.scores(gap) for name, coder in coders.items()}
    if sheet is not None:
        sheet.parent.mkdir(parents=True, exist_ok=True)
        labels = [*(f"M={n}" for n in REFERENCE_COUNTS), "thumbnail"]
        picture = trial_sheet(source.references, moments.kept, labels)
        cv2.imwrite(str(sheet), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    deviation = None if gap is None else float(gap.std())
    return Trial(source.name, source.n_frames, scores, *rivals.psnr_db(), deviation)


class _Lips:
    """The inner-lip gap of frames that come a few at a time."""

    def __init__(self, tracker: FaceTracker) -> None:
        self._tracker = tracker
        self._marks: list[F32 | None] = []

    def look(self, frames: U8) -> None:
        self._marks += [self._tracker.landmarks(frame) for frame in frames]

    def gap(self) -> F32 | None:
        """Per frame [T]; None where no face was seen in half of them."""
        try:
            return np.asarray(track_landmarks(self._marks).gap, np.float32)
        except ValueError:
            return None


class _Decoding:
    """One number of references."""

    def __init__(self, model: ReferenceVae, references: Sequence[U8], lips: _Lips) -> None:
        self._decoder = VaeDecoder(model, references)
        self._fidelity = Fidelity(_SSIM_EVERY)
        self._lips = lips

    def step(self, latents: Tensor, shown: U8) -> U8:
        decoded = self._decoder.step(latents)[: len(shown)]
        self._fidelity.add(shown, decoded)
        self._lips.look(decoded)
        return decoded

    def score(self, original_gap: F32 | None) -> Score:
        gap, mouth_r = self._lips.gap(), None
        if gap is not None and original_gap is not None:
            mouth_r = correlation(gap, original_gap)
        return Score(self._fidelity.psnr_db, self._fidelity.ssim, mouth_r)


class _Coder:
    """One model: encoded once, decoded with every number of references."""

    def __init__(self, model: ReferenceVae, source: Source, stack: ExitStack) -> None:
        self._encoder = VaeEncoder(model)
        self._decodings = {
            n: _Decoding(model, source.references[:n], _Lips(stack.enter_context(FaceTracker())))
            for n in REFERENCE_COUNTS
        }

    def step(self, group: U8, shown: U8) -> dict[int, U8]:
        latents = self._encoder.step(group)
        return {n: decoding.step(latents, shown) for n, decoding in self._decodings.items()}

    def scores(self, original_gap: F32 | None) -> dict[int, Score]:
        return {n: decoding.score(original_gap) for n, decoding in self._decodings.items()}


class _Rivals:
    """What needs no network."""

    def __init__(self, source: Source, n_numbers: int) -> None:
        self._reference = source.references[0]
        self._thumbnail = Thumbnail(n_numbers)
        self._copied, self._small = Fidelity(source.n_frames), Fidelity(source.n_frames)

    def step(self, shown: U8) -> U8:
        """The thumbnails of `shown`."""
        thumbnails = self._thumbnail.step(shown)
        self._copied.add(shown, np.broadcast_to(self._reference, shown.shape))
        self._small.add(shown, thumbnails)
        return thumbnails

    def psnr_db(self) -> tuple[float, float]:
        """Of the copied reference and of the thumbnails."""
        return self._copied.psnr_db, self._small.psnr_db


class _Moments:
    """A few frames, evenly spread, original first and then what was made of it."""

    def __init__(self, n_frames: int) -> None:
        edges = np.linspace(0, n_frames, _N_MOMENTS + 1)
        self._wanted = set(((edges[:-1] + edges[1:]) / 2).astype(int).tolist())
        self._n_seen = 0
        self.kept: list[list[U8]] = []

    def keep(self, shown: U8, made: Sequence[U8]) -> None:
        for index in range(len(shown)):
            if self._n_seen in self._wanted:
                self.kept.append([frames[index].copy() for frames in (shown, *made)])
            self._n_seen += 1
