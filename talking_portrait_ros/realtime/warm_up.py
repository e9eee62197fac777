"""The first steps of a stage take longer than all others; they are done before anyone waits."""

from __future__ import annotations

from typing import Any

from talking_portrait_ros.stage import Stage
from talking_portrait_ros.synthetic import split_chunk, synthetic_input, synthetic_references

N_CHUNKS = 3


def warm_up(stage: Stage[Any, Any, Any]) -> None:
    """Run a short session on made-up input, in chunks of one block, and forget it."""
    state = stage.start(synthetic_references())
    timebase = stage.clock.timebase
    n_frames = timebase.frames_of_steps(N_CHUNKS * timebase.latent_steps_per_block)
    piece = (
        timebase.latent_steps_per_block
        if stage.in_space.startswith("video/")
        else (timebase.frames_per_block * (1 if stage.in_space else timebase.samples_per_frame))
    )
    for chunk in split_chunk(synthetic_input(stage, n_frames), [piece] * N_CHUNKS, timebase):
        stage.step(chunk, state)
    stage.finish(state)
