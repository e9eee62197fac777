"""Blocks of video latents in a live stream, where a decoder may have to begin anywhere.

A block does not say where the session of its generator began; the number of its frames does. With
four frames per step, four steps draw 13 frames where the first one stands alone, else 16.
"""

from __future__ import annotations

from dataclasses import replace

from talking_portrait_ros.chunks import LatentBlock
from talking_portrait_ros.timebase import Timebase


def require_whole_steps(name: str, block: LatentBlock, timebase: Timebase) -> None:
    """Refuse a block whose steps describe another number of frames, wherever it stands.

    Raises:
        ValueError: names the stage, the frames and the steps.
    """
    n_steps = len(block.values)
    least = timebase.frames_of_steps(n_steps - 1) + 1 if n_steps else 0
    most = n_steps * timebase.frames_per_latent_step
    if not least <= block.n_frames <= most:
        raise ValueError(
            f"{name}: LatentBlock.n_frames={block.n_frames} does not fit {n_steps} latent steps "
            f"of {timebase.frames_per_latent_step} frames; send whole steps"
        )


def begins_a_session(block: LatentBlock, timebase: Timebase, continues: bool) -> bool:
    """True where the first step of `block` stands alone.

    Args:
        block: latents.
        timebase: of the decoder.
        continues: True where the decoder has drawn all that comes before. The last step of a
            stream may then draw a single frame and is no beginning.
    """
    ends = continues and block.header.end_of_stream
    most = timebase.frames_of_steps(len(block.values)) - ends
    return timebase.first_step_alone and 0 < block.n_frames <= most


def as_first(block: LatentBlock, timebase: Timebase) -> LatentBlock:
    """`block` for a decoder without a past: of its first step only the last frame is drawn."""
    if not timebase.first_step_alone or begins_a_session(block, timebase, continues=False):
        return block
    n_skipped = min(timebase.frames_per_latent_step - 1, block.n_frames)
    n_frames = block.n_frames - n_skipped
    return replace(
        block,
        header=block.header.at(block.header.stamp_ns + n_skipped * timebase.frame_ns),
        values=block.values if n_frames else block.values[:0],
        first_frame=block.first_frame + n_skipped,
        n_frames=n_frames,
    )


def in_decoder_blocks(block: LatentBlock, timebase: Timebase, begins: bool) -> list[LatentBlock]:
    """`block` in the pieces that its decoder draws at once, so that no frame waits for later ones.

    Args:
        block: steps of a generator, of whole steps.
        timebase: of the decoder.
        begins: whether the first step stands alone.
    """
    n_steps, at_once = len(block.values), timebase.latent_steps_per_block
    before = 0 if begins else 1
    edges = [*range(0, n_steps, at_once), n_steps]
    skipped = timebase.frames_of_steps(before)
    frames = [timebase.frames_of_steps(before + edge) - skipped for edge in edges[:-1]]
    frames.append(block.n_frames)
    pieces = [
        replace(
            block,
            header=block.header.at(block.header.stamp_ns + frames[i] * timebase.frame_ns),
            values=block.values[edges[i] : edges[i + 1]],
            first_frame=block.first_frame + frames[i],
            n_frames=frames[i + 1] - frames[i],
        )
        for i in range(len(edges) - 1)
    ]
    for index, piece in enumerate(pieces[:-1]):
        pieces[index] = piece.with_header(replace(piece.header, end_of_stream=False))
    return pieces or [block]
