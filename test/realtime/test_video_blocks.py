"""Video latents in a live stream: flushes, gaps, new portraits, generators that begin anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.tiny_stages import Loudness, ended, sound
from helpers.video_stages import LATENT, VIDEO, VideoDecoder, VideoGenerator

from talking_portrait_ros.chunks import Header, LatentBlock, Reference, References
from talking_portrait_ros.pipeline import Pipeline
from talking_portrait_ros.realtime.chain import Chain

FRAME_NS = 40_000_000
STEPS = 13
VALUES = np.random.default_rng(0).normal(size=(STEPS, *LATENT)).astype(np.float32)


def portrait(brightness=100):
    picture = np.full((8, 8, 3), brightness, np.uint8)
    return References((Reference(picture),))


def blocks(n_steps, n_blocks, first_frame=0, epoch=0, values=VALUES):
    """A generator's session, from `first_frame` of the stream on."""
    made, frame = [], first_frame
    for index in range(n_blocks):
        n_frames = 4 * n_steps - (0 if index else 3)
        part = values[index * n_steps : (index + 1) * n_steps]
        header = Header(10**9 + frame * FRAME_NS, epoch)
        made.append(LatentBlock(header, VIDEO, part, frame, n_frames))
        frame += n_frames
    return made


def chain(stage=None):
    made = Chain([("frames", stage or VideoDecoder())])
    made.renew(portrait())
    return made


def drawn(target, chunks):
    return [output for chunk in chunks for _, output in target.push(chunk)]


def positions(outputs):
    return [output.first_frame + i for output in outputs for i in range(len(output.frames))]


def levels(outputs):
    return np.concatenate([output.frames[:, 0, 0, 0] for output in outputs]).tolist()


@pytest.mark.parametrize("n_steps", [1, 2, 3, 4, 6])
def test_blocks_of_any_length_draw_the_same_frames(n_steps):
    outputs = drawn(chain(), blocks(n_steps, 12 // n_steps))
    expected = drawn(chain(), blocks(12, 1))
    assert positions(outputs) == list(range(45))
    assert levels(outputs) == levels(expected)
    stamps = [(o.header.stamp_ns - 10**9) / FRAME_NS for o in outputs]
    assert stamps == [o.first_frame for o in outputs]


def test_frames_of_a_block_come_out_step_by_step():
    outputs = chain().push(blocks(4, 1)[0])
    assert [len(output.frames) for _, output in outputs] == [1, 4, 4, 4]


def test_end_of_the_stream_comes_with_the_last_step_and_may_draw_less_than_it():
    (block,) = blocks(4, 1)
    last = replace(block, n_frames=11, header=Header(end_of_stream=True))
    outputs = drawn(chain(), [last])
    assert positions(outputs) == list(range(11))
    assert [o.header.end_of_stream for o in outputs] == [False] * 4 + [True]


def test_single_frame_at_the_end_continues_the_stream():
    made = chain()
    first, second = blocks(3, 2)
    end = replace(second, n_frames=9, header=replace(second.header, end_of_stream=True))
    outputs = drawn(made, [first, end])
    assert positions(outputs) == list(range(18))
    assert levels(outputs) == levels(drawn(chain(), blocks(3, 2)))[:18]
    assert made.sessions[0].counts.sessions == 1


def test_flush_begins_with_a_lone_first_frame_and_without_memory():
    made = chain()
    before = drawn(made, blocks(4, 2))
    after = drawn(made, blocks(4, 2, first_frame=29, epoch=1))
    assert positions(after) == list(range(29, 58))
    assert levels(after) == levels(before)
    assert made.sessions[0].counts.jumps == 0


def test_lost_block_costs_its_frames_and_three_more():
    made = chain()
    given = blocks(4, 3)
    outputs = drawn(made, [given[0], given[2]])
    assert positions(outputs) == [*range(13), *range(32, 45)]
    assert made.sessions[0].counts.jumps == 1
    as_a_first_block = replace(given[2], first_frame=0, n_frames=13)
    assert levels(outputs)[13:] == levels(drawn(chain(), [as_a_first_block]))
    stamps = [(o.header.stamp_ns - 10**9) / FRAME_NS for o in outputs]
    assert stamps == [o.first_frame for o in outputs]


def test_generator_that_begins_anew_gives_a_fresh_state_without_a_gap():
    made = chain()
    outputs = drawn(made, blocks(4, 1) + blocks(4, 2, first_frame=13))
    assert positions(outputs) == list(range(42))
    assert levels(outputs)[13:] == levels(drawn(chain(), blocks(4, 2)))
    assert (made.sessions[0].counts.jumps, made.sessions[0].counts.sessions) == (0, 2)


def test_new_portrait_waits_for_latents_of_the_new_person():
    """Those of the old one are drawn with the old portrait, whichever node was ready first."""
    made = chain()
    outputs = drawn(made, blocks(4, 1))
    made.renew(portrait(10))
    outputs += drawn(made, blocks(4, 2)[1:])
    assert made.sessions[0].counts.sessions == 1
    outputs += drawn(made, blocks(4, 1, first_frame=29))
    assert positions(outputs) == list(range(42))
    assert made.sessions[0].counts.sessions == 2
    new = chain()
    new.renew(portrait(10))
    assert levels(outputs)[29:] == levels(drawn(new, blocks(4, 1)))
    assert levels(outputs)[:29] == levels(drawn(chain(), blocks(4, 2)))


def test_new_portrait_waits_two_seconds_where_no_generator_begins_anew():
    made = chain()
    stream = blocks(4, 6, values=np.tile(VALUES, (2, 1, 1, 1)))
    outputs = drawn(made, stream[:1])
    made.renew(portrait(10))
    outputs += drawn(made, stream[1:])
    assert positions(outputs) == [*range(13 + 48), *range(13 + 48 + 3, 93)]


def test_other_convention_needs_no_lone_frame():
    given = [
        replace(block, first_frame=16 * index, n_frames=16)
        for index, block in enumerate(blocks(4, 3))
    ]
    made = chain(VideoDecoder(first_step_alone=False))
    assert positions(drawn(made, [given[0], given[2]])) == [*range(16), *range(32, 48)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"space": "video/ref-vae-other"}, "'video/ref-vae-other'.*'video/ref-vae-stand-in-1'"),
        ({"values": np.zeros((4, 5, 3, 3), np.float32)}, r"shape \[4, 5, 3, 3\]"),
        ({"n_frames": 40}, "n_frames=40 does not fit 4 latent steps"),
        ({"n_frames": 0}, "n_frames=0 does not fit 4 latent steps"),
    ],
)
def test_misfit_block_is_refused_in_one_line_and_the_stream_goes_on(change, says):
    made = chain()
    first, second = blocks(4, 2)
    outputs = drawn(made, [first])
    with pytest.raises(ValueError, match=says):
        drawn(made, [replace(second, **change)])
    outputs += drawn(made, [second])
    assert positions(outputs) == list(range(29))
    assert made.sessions[0].counts.jumps == 0


@pytest.mark.parametrize("steps_per_block", [1, 4])
def test_frames_wait_as_long_as_the_clocks_say(steps_per_block):
    stages = [("features", Loudness()), ("latents", VideoGenerator(True, steps_per_block)),
              ("frames", VideoDecoder())]  # fmt: skip
    pipeline = Pipeline(stages)
    state = pipeline.start(portrait())
    waits = []
    for chunk in sound(200, n=160):
        known = chunk.first_sample + len(chunk.samples)
        for output in pipeline.step(chunk, state):
            waits += [known - (frame + 1) * 640 for frame in positions([output])]
    assert max(waits) == pipeline.delay_samples == 320 + (4 * steps_per_block - 1) * 640


def test_chain_from_sound_to_frames_equals_the_pipeline():
    stages = [("features", Loudness()), ("latents", VideoGenerator()), ("frames", VideoDecoder())]
    chunks = ended(sound(37))
    pipeline = Pipeline(stages)
    state = pipeline.start(portrait())
    expected = [out for chunk in chunks for out in pipeline.step(chunk, state)]
    expected += pipeline.finish(state)
    live = Chain(stages)
    live.renew(portrait())
    outputs = [out for chunk in chunks for name, out in live.push(chunk) if name == "frames"]
    assert positions(outputs) == positions(expected) == list(range(19))
    assert levels(outputs) == levels(expected)
