"""Stages that can step down: the same frames in number and place, at less cost, and back again."""

from __future__ import annotations

import numpy as np
import pytest

from talking_portrait_ros.chunks import Header, LatentBlock
from talking_portrait_ros.frames.thinning import frames_to_draw, repeated
from talking_portrait_ros.pipeline import build_stage
from talking_portrait_ros.stage import Degradable
from talking_portrait_ros.stage_specs import FRAMES, LATENTS, StageSpec
from talking_portrait_ros.synthetic import split_chunk, synthetic_input, synthetic_references

STAGES = {
    "rig": ("frames", StageSpec("rig", {"resolution": 64})),
    "reference_vae": ("frames", FRAMES["ref_vae_tiny"]),
    "block_rectified_flow": ("latents", LATENTS["block_flow_tiny"]),
}


@pytest.fixture(scope="module", params=STAGES)
def stage(request):
    return build_stage(*STAGES[request.param])


def outputs(stage, rungs):
    """What comes out, the rung set before each step as `rungs` say."""
    timebase = stage.clock.timebase
    n_frames = timebase.frames_of_steps(len(rungs) * timebase.latent_steps_per_block)
    pieces = [timebase.latent_steps_per_block if stage.in_space.startswith("video/")
              else timebase.frames_per_block] * len(rungs)  # fmt: skip
    state = stage.start(synthetic_references())
    found = []
    chunks = split_chunk(synthetic_input(stage, n_frames), pieces, timebase)
    for rung, chunk in zip(rungs, chunks, strict=False):
        stage.set_rung(state, rung)
        found += stage.step(chunk, state)
    return found


def data(outs):
    return np.concatenate([o.frames if hasattr(o, "frames") else o.values for o in outs])


def test_rungs_are_declared_from_the_dearest_to_the_cheapest(stage):
    assert isinstance(stage, Degradable)
    costs = [rung.cost for rung in stage.rungs]
    assert costs[0] == 1.0
    assert costs == sorted(costs, reverse=True)
    assert len({rung.name for rung in stage.rungs}) == len(costs) > 1


def test_every_rung_gives_all_frames_in_their_places(stage):
    places = [(o.first_frame, o.header.stamp_ns) for o in outputs(stage, [0] * 8)]
    for rung in range(len(stage.rungs)):
        outs = outputs(stage, [rung] * 8)
        assert [(o.first_frame, o.header.stamp_ns) for o in outs] == places


def test_the_best_rung_changes_nothing_and_a_lower_one_does(stage):
    best = data(outputs(stage, [0] * 8))
    assert np.array_equal(best, data(outputs(stage, [0] * 8)))
    assert not np.array_equal(best, data(outputs(stage, [len(stage.rungs) - 1] * 8)))


def test_after_stepping_up_the_rig_draws_as_if_nothing_had_been():
    rig = build_stage(*STAGES["rig"])
    assert np.array_equal(
        data(outputs(rig, [0] * 8))[4:], data(outputs(rig, [2] * 4 + [0] * 4))[4:]
    )


@pytest.mark.parametrize(
    ("first", "n", "every", "known", "due"),
    [(0, 4, 1, False, [0, 1, 2, 3]), (0, 4, 2, True, [1, 3]), (3, 4, 2, True, [0, 2]),
     (2, 4, 2, False, [0, 1, 3]), (1, 1, 3, True, []), (0, 0, 2, False, [])],
)  # fmt: skip
def test_which_frames_are_drawn(first, n, every, known, due):
    assert frames_to_draw(first, n, every, known).tolist() == due


def picture(level):
    return np.full((2, 2, 3), level, np.uint8)


def test_the_others_repeat_the_picture_before_them():
    drawn = np.stack([picture(5), picture(6)])
    levels = repeated(drawn, np.array([1, 3]), 5, picture(4))[:, 0, 0, 0]
    assert levels.tolist() == [4, 5, 5, 6, 6]
    first = repeated(drawn, np.array([0, 2]), 3, None)[:, 0, 0, 0]
    assert first.tolist() == [5, 5, 6]


def test_a_thinned_block_of_motion_costs_as_many_pictures_as_are_due():
    rig = build_stage(*STAGES["rig"])
    state = rig.start(synthetic_references())
    drawn = []
    render = state.renderer.render
    state.renderer.render = lambda motion: drawn.append(len(motion)) or render(motion)
    rig.set_rung(state, 1)
    block = LatentBlock(Header(), rig.in_space, np.zeros((6, 58), np.float32), 0, 6)
    assert len(rig.step(block, state)[0].frames) == 6
    assert drawn == [4]  # every second one, and the first, before which there is none
    state.renderer.render = render


def test_pictures_that_repeat_the_one_before_do_not_wait_for_the_paint():
    vae = build_stage(*STAGES["reference_vae"])
    state = vae.start(synthetic_references())
    blocks = [
        LatentBlock(
            Header(), vae.in_space, np.zeros((n, *vae.in_shape), np.float32), first, frames
        )
        for n, first, frames in ((1, 0, 1), (4, 1, 16))
    ]
    vae.step(blocks[0], state)
    vae.set_rung(state, len(vae.rungs) - 1)
    painted = []
    paint = vae.model.paint
    vae.model.paint = lambda *args: painted.append(1) or paint(*args)
    parts = vae.stream(blocks[1], state)
    assert len(next(parts).frames)
    assert not painted
    assert sum(len(part.frames) for part in parts) == 16 - 4
    assert painted == [1]
