"""Frames, latent steps and blocks: plain division, and a first step that stands alone."""

from __future__ import annotations

import numpy as np
import pytest

from talking_portrait_ros.chunks import Header, LatentBlock
from talking_portrait_ros.stage import require_steps
from talking_portrait_ros.timebase import Timebase

PLAIN = Timebase(frames_per_latent_step=4, latent_steps_per_block=4)
ALONE = Timebase(frames_per_latent_step=4, latent_steps_per_block=4, first_step_alone=True)


def block(n_steps, first_frame, n_frames):
    values = np.zeros((n_steps, 2, 1, 1), np.float32)
    return LatentBlock(Header(), "video/x", values, first_frame, n_frames)


def test_first_step_alone_ends_after_one_frame_and_later_ones_after_four_more():
    assert [PLAIN.frames_of_steps(n) for n in range(6)] == [0, 4, 8, 12, 16, 20]
    assert [ALONE.frames_of_steps(n) for n in range(6)] == [0, 1, 5, 9, 13, 17]


@pytest.mark.parametrize("timebase", [Timebase(), PLAIN, ALONE], ids=["frame", "plain", "alone"])
def test_steps_of_frames_is_the_least_number_of_steps_that_describes_them(timebase):
    for n_frames in range(40):
        n_steps = timebase.steps_of_frames(n_frames)
        assert timebase.frames_of_steps(n_steps) >= n_frames
        assert n_steps == 0 or timebase.frames_of_steps(n_steps - 1) < n_frames


def test_first_block_of_four_steps_is_thirteen_frames_and_later_ones_sixteen():
    ends = [0, 13, 29, 45]
    assert [ALONE.complete_blocks(n) for n in (0, 12, 13, 28, 29, 44)] == [0, 0, 13, 13, 29, 29]
    for first, end in zip(ends, ends[1:], strict=False):
        assert {ALONE.block_end(frame) for frame in range(first, end)} == {end}
    assert [PLAIN.complete_blocks(n) for n in (15, 16, 31, 32)] == [0, 16, 16, 32]
    assert [PLAIN.block_end(frame) for frame in (0, 15, 16)] == [16, 16, 32]


@pytest.mark.parametrize(
    ("timebase", "given"),
    [
        (ALONE, block(4, 0, 13)),
        (ALONE, block(4, 13, 16)),
        (ALONE, block(1, 5, 4)),
        (ALONE, block(2, 13, 5)),  # the last block of a session
        (ALONE, block(0, 7, 0)),
        (PLAIN, block(4, 0, 16)),
    ],
)
def test_blocks_of_whole_steps_and_a_short_last_one_fit(timebase, given):
    require_steps("decoder", timebase, given)


@pytest.mark.parametrize(
    ("timebase", "given"),
    [
        (ALONE, block(4, 0, 16)),
        (ALONE, block(4, 13, 12)),
        (ALONE, block(4, 16, 16)),
        (ALONE, block(2, 13, 9)),
        (ALONE, block(1, 13, 0)),
        (ALONE, block(0, 13, 4)),
        (PLAIN, block(4, 0, 12)),
    ],
)
def test_blocks_that_draw_other_frames_than_their_steps_are_refused(timebase, given):
    with pytest.raises(ValueError, match=rf"n_frames={given.n_frames} from first_frame="):
        require_steps("decoder", timebase, given)
