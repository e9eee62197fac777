"""Does the VAE hold for long? One clip of minutes, and what each minute was like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import psutil

from talking_portrait_ros.chunks import U8
from talking_portrait_ros.evaluation.clips import Watch, unwatched
from talking_portrait_ros.evaluation.fidelity import psnr_db
from talking_portrait_ros.evaluation.reconstruction import Reconstruction
from talking_portrait_ros.evaluation.vae_clips import pictures
from talking_portrait_ros.frames.reference_vae.model import ReferenceVae
from talking_portrait_ros.training.corpus import Corpus

FRAMES_PER_MINUTE = 25 * 60
_STRETCH_FRAMES = 20
_SEED = 3_000_000_000


@dataclass(frozen=True)
class Minute:
    """One minute: mean PSNR, and at its end the bytes of the state and of the whole process."""

    psnr_db: float
    state_bytes: int
    process_bytes: int


def evaluate_drift(
    model: ReferenceVae, corpus: Corpus, minutes: int, watch: Watch[int] = unwatched
) -> list[Minute]:
    """One person of `corpus` for `minutes` minutes, with one reference."""
    stretches = corpus.stretches(
        _SEED, model.config.resolution, minutes * FRAMES_PER_MINUTE, _STRETCH_FRAMES
    )
    first = next(stretches)
    run = Reconstruction(model, [pictures(first.references)[0]], ssim_every=FRAMES_PER_MINUTE)

    def frames() -> Iterator[U8]:
        yield from pictures(first.frames)
        for stretch in stretches:
            yield from pictures(stretch.frames)

    pairs = run.run(frames())
    return [_minute(run, pairs) for _ in watch(range(minutes), "minutes of one clip")]


def _minute(run: Reconstruction, pairs: Iterable[tuple[U8, U8]]) -> Minute:
    decibels = [psnr_db(*pair) for pair in islice(pairs, FRAMES_PER_MINUTE)]
    return Minute(
        sum(decibels) / len(decibels), run.state_bytes, psutil.Process().memory_info().rss
    )
