"""The first steps of a stage take longer than all others; they are done before anyone waits."""

from __future__ import annotations

from typing import Any

from talking_portrait_ros.stage import Stage
from talking_portrait_ros.synthetic import split_chunk, synthetic_input, synthetic_references

N_CHUNKS = 3
FEWEST_FRAMES = 2


def warm_up(stage: Stage[Any, Any, Any]) -> None:
    """Run a short session on made-up input, in chunks of one block, and forget it.

    A decoder has two frames at least, because it may draw several at once.
    """
    state = stage.start(synthetic_references())
    timebase = stage.clock.timebase
    n_steps, piece = timebase.latent_steps_per_block, timebase.frames_per_block
    if stage.in_space.startswith("video/"):
        n_steps = max(n_steps, FEWEST_FRAMES // timebase.frames_per_latent_step)
        piece = n_steps
    elif not stage.in_space:
        piece *= timebase.samples_per_frame
    n_frames = timebase.frames_of_steps(N_CHUNKS * n_steps)
    for chunk in split_chunk(synthetic_input(stage, n_frames), [piece] * N_CHUNKS, timebase):
        stage.step(chunk, state)
    stage.finish(state)
