"""Chunks as stretches of a stream: where they begin, how long they are, how they are moved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from talking_portrait_ros.chunks import AudioChunk, Chunk, FeatureChunk, LatentBlock
from talking_portrait_ros.realtime import video_blocks
from talking_portrait_ros.timebase import Timebase


def first_position(chunk: Chunk) -> int:
    """Position of a chunk in its stream: samples for sound, frames otherwise."""
    if isinstance(chunk, AudioChunk):
        return chunk.first_sample
    return chunk.first_frame  # type: ignore[attr-defined,no-any-return]


def n_positions(chunk: Chunk) -> int:
    """Positions that a chunk covers."""
    if isinstance(chunk, AudioChunk):
        return len(chunk.samples)
    if isinstance(chunk, (FeatureChunk, LatentBlock)):
        return chunk.n_frames
    return len(chunk.frames)  # type: ignore[attr-defined]


def duration_ms(chunk: Chunk, timebase: Timebase) -> float:
    """How much of the stream a chunk covers."""
    if isinstance(chunk, AudioChunk):
        return 1000 * len(chunk.samples) / chunk.sample_rate_hz
    return 1000 * n_positions(chunk) / timebase.fps


def shifted(chunk: Chunk, by: int) -> Chunk:
    """The same data at another position."""
    if not by:
        return chunk
    field = "first_sample" if isinstance(chunk, AudioChunk) else "first_frame"
    changes: dict[str, Any] = {field: first_position(chunk) + by}
    return replace(chunk, **changes)


def from_a_border(chunk: Chunk, timebase: Timebase) -> Chunk | None:
    """The part of `chunk` that a fresh state can begin with; None where there is none.

    Sound begins on a frame boundary, video latents with a step that stands alone.
    """
    if isinstance(chunk, LatentBlock):
        return video_blocks.as_first(chunk, timebase)
    if not isinstance(chunk, AudioChunk):
        return chunk
    skip = -chunk.first_sample % timebase.samples_per_frame
    if not skip:
        return chunk
    if skip >= len(chunk.samples) and not chunk.header.end_of_stream:
        return None
    return chunk.piece(skip)


def with_ledger(output: Chunk, cause: Chunk, name: str, ms: float) -> Chunk:
    """`output` under the epoch of the chunk that brought it out, its ledger continued."""
    header = replace(
        output.header, epoch=cause.header.epoch, ledger=cause.header.ledger.spend(name, ms)
    )
    return output.with_header(header)
