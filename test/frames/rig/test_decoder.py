"""The frames stage of the rig: positions, stamps, spaces."""

from __future__ import annotations

import numpy as np
import pytest

from talking_portrait_ros.chunks import Header, LatentBlock, Reference, References
from talking_portrait_ros.frames import family
from talking_portrait_ros.frames.rig.decoder import RigDecoder, RigState
from talking_portrait_ros.spaces import MOTION_ARKIT

FRAME_NS = 40_000_000


@pytest.fixture(scope="module")
def decoder() -> RigDecoder:
    chosen = family("rig")
    return chosen.build(chosen.tiny, "cpu")


@pytest.fixture
def state(decoder: RigDecoder, smiling: Reference) -> RigState:
    return decoder.start(References((smiling,)))


def _block(n_frames: int, first_frame: int = 0, **changes: object) -> LatentBlock:
    fields = {"space": MOTION_ARKIT, "values": np.zeros((n_frames, 58), np.float32), **changes}
    return LatentBlock(Header(stamp_ns=7, epoch=3, end_of_stream=True), first_frame=first_frame,
                       n_frames=n_frames, **fields)  # fmt: skip


def test_a_block_becomes_its_frames_and_finish_ends_the_stream(
    decoder: RigDecoder, state: RigState
) -> None:
    (chunk,) = decoder.step(_block(3), state)
    assert chunk.frames.shape == (3, 64, 64, 3)
    assert (chunk.header.stamp_ns, chunk.header.epoch, chunk.first_frame) == (7, 3, 0)
    assert not chunk.header.end_of_stream
    (last,) = decoder.finish(state)
    assert last.frames.shape == (0, 64, 64, 3)
    assert last.header.end_of_stream
    assert (last.header.stamp_ns, last.first_frame) == (7 + 3 * FRAME_NS, 3)


def test_empty_block_gives_no_frames(decoder: RigDecoder, state: RigState) -> None:
    assert decoder.step(_block(0), state) == []


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (_block(1, space="video/vae"), "video/vae"),
        (_block(1, first_frame=4), "first_frame=4, expected 0"),
        (_block(2, values=np.zeros((1, 58), np.float32)), "n_frames=2"),
        (_block(1, values=np.zeros((1, 52), np.float32)), r"\(1, 52\)"),
    ],
)
def test_misfit_blocks_are_refused(
    decoder: RigDecoder, state: RigState, block: LatentBlock, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        decoder.step(block, state)
    assert state.next_frame == 0


def test_same_picture_is_rigged_once(decoder: RigDecoder, smiling: Reference) -> None:
    references = References((smiling,))
    assert decoder.start(references).renderer is decoder.start(references).renderer


def test_reference_without_a_face_is_refused(decoder: RigDecoder) -> None:
    pytest.importorskip("mediapipe")
    blank = Reference(np.full((128, 128, 3), 90, np.uint8), name="wall.jpg")
    with pytest.raises(ValueError, match=r"wall.jpg: no face found"):
        decoder.start(References((blank,)))
