"""Inputs made from a seed, for warm-up, the contract suite and benchmarks.

They have the right type, shape and range for a stage, and mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from talking_portrait_ros.chunks import (
    AudioChunk,
    Chunk,
    FeatureChunk,
    Header,
    LatentBlock,
    Reference,
    References,
)
from talking_portrait_ros.spaces import MOTION_ARKIT
from talking_portrait_ros.stage import Stage
from talking_portrait_ros.timebase import Timebase


def synthetic_input(stage: Stage[Any, Any, Any], n_frames: int, seed: int = 0) -> Chunk:
    """A chunk of `n_frames` from position 0 that `stage` accepts.

    Args:
        stage: the stage that will be given the chunk.
        n_frames: frames; of the last latent step fewer may be drawn than it describes.
        seed: same seed, same chunk.
    """
    generator = np.random.default_rng(seed)
    timebase = stage.clock.timebase
    header = Header(stamp_ns=1_000_000_000)
    if not stage.in_space:
        n_samples = n_frames * timebase.samples_per_frame
        own, partner = generator.normal(0, 0.1, (2, n_samples)).astype(np.float32)
        return AudioChunk(header, own, timebase.sample_rate_hz, 0, partner)
    in_steps = stage.in_space.startswith("video/")
    shape = (timebase.steps_of_frames(n_frames) if in_steps else n_frames, *stage.in_shape)
    if stage.in_space == MOTION_ARKIT:
        values = generator.uniform(0, 0.3, shape).astype(np.float32)
    else:
        values = generator.normal(0, 1, shape).astype(np.float32)
    if "features/" in stage.in_space:
        speech = generator.uniform(0, 1, n_frames).astype(np.float32)
        return FeatureChunk(header, stage.in_space, values, speech, 0)
    return LatentBlock(header, stage.in_space, values, 0, n_frames)


def split_chunk(chunk: Chunk, lengths: list[int], timebase: Timebase) -> list[Chunk]:
    """`chunk` cut into pieces of the given lengths; the rest is the last piece.

    Args:
        chunk: sound, features or latents from position 0.
        lengths: samples for sound, frames otherwise (latent steps for video latents).
        timebase: the rates of the stage, for the stamps of the pieces.
    """
    total = len(chunk.samples) if isinstance(chunk, AudioChunk) else len(_values(chunk))
    edges = [0, *np.minimum(np.cumsum(lengths, dtype=int), total).tolist(), total]
    pairs = zip(edges, edges[1:], strict=False)
    return [_piece(chunk, low, high, timebase) for low, high in pairs if high > low]


def changed_from(chunk: Any, position: int) -> Any:
    """The chunk with other data from `position` on, sound in both tracks."""
    if isinstance(chunk, AudioChunk):
        tracks = np.stack([chunk.samples, chunk.heard_partner])
        tracks[:, position:] = -0.5 * tracks[:, position:] + 0.05
        return replace(chunk, samples=tracks[0], partner=tracks[1])
    values = chunk.values.copy()
    values[position:] = 0.7 - values[position:]
    return replace(chunk, values=values)


def moved(piece: Any, frames: int, stage: Stage[Any, Any, Any]) -> Any:
    """The chunk `frames` later in the stream."""
    if isinstance(piece, AudioChunk):
        first = piece.first_sample + stage.clock.timebase.first_sample_of(frames)
        return replace(piece, first_sample=first)
    return replace(piece, first_frame=piece.first_frame + frames)


def misfits(whole: Any, stage: Stage[Any, Any, Any]) -> Iterator[Chunk]:
    """Chunks that a stage has to refuse: another position, rate, space, width or length."""
    yield moved(whole, 5, stage)
    if isinstance(whole, AudioChunk):
        yield replace(whole, sample_rate_hz=44_100)
        return
    yield replace(whole, space="nobody/knows-1")
    values = whole.values
    yield replace(whole, values=np.concatenate([values, values], axis=1))
    if isinstance(whole, LatentBlock):
        yield replace(whole, values=values[:-1])


def synthetic_references() -> References:
    """The drawn avatar, as the references of a session."""
    from talking_portrait_ros.frames.avatar import drawn_avatar

    return References((drawn_avatar(),))


def blank_references(size: int = 64) -> References:
    """A grey picture without a face, for stages that do not look at it."""
    return References((Reference(np.full((size, size, 3), 128, np.uint8), name="blank"),))


def _values(chunk: Chunk) -> Any:
    if isinstance(chunk, (FeatureChunk, LatentBlock)):
        return chunk.values
    raise ValueError(f"cannot split a {type(chunk).__name__}")


def _piece(chunk: Chunk, low: int, high: int, timebase: Timebase) -> Chunk:
    if isinstance(chunk, AudioChunk):
        return chunk.piece(low, high)
    values = _values(chunk)[low:high]
    in_steps = isinstance(chunk, LatentBlock) and chunk.space.startswith("video/")
    first = timebase.frames_of_steps(low) if in_steps else low
    header = chunk.header.at(chunk.header.stamp_ns + first * timebase.frame_ns)
    if isinstance(chunk, FeatureChunk):
        return FeatureChunk(header, chunk.space, values, chunk.speech[low:high], first)
    if isinstance(chunk, LatentBlock):
        end = min(timebase.frames_of_steps(high), chunk.n_frames) if in_steps else high
        return LatentBlock(header, chunk.space, values, first, end - first)
    raise ValueError(f"cannot split a {type(chunk).__name__}")
