"""The contract of one arrow of the pipeline: `start`, `step`, `finish`.

Weights live in the stage, memory of the past lives in a state that the caller holds. So one
stage serves many sessions, offline and live are one code path, and a gap, a flush or a new
speaker is simply a new state. The contract suite in `test/contract` runs on every stage that is
registered in `features`, `latents` and `frames`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from talking_portrait_ros.chunks import Chunk, FrameChunk, Header, LatentBlock, References
from talking_portrait_ros.timebase import Timebase

In = TypeVar("In", bound=Chunk, contravariant=True)
Out = TypeVar("Out", bound=Chunk)
S = TypeVar("S")


@dataclass(frozen=True)
class Clock:
    """What a stage adds to the algorithmic delay; readable before anything runs.

    Attributes:
        timebase: the rates that the stage works at.
        lookahead_samples: audio after the end of a frame that must be known before the stage
            can put that frame out. Only stages with sound at their input have one.
        lookahead_frames: frames after a frame that must be known. For later stages.
        hears_input: False where only the pace of the input matters and its content does not,
            as for a recording.
    """

    timebase: Timebase
    lookahead_samples: int = 0
    lookahead_frames: int = 0
    hears_input: bool = True

    @property
    def all_lookahead_samples(self) -> int:
        """Both kinds of lookahead, in samples."""
        return self.lookahead_samples + self.lookahead_frames * self.timebase.samples_per_frame

    @property
    def fill_samples(self) -> int:
        """The wait of a block's first frame for its last one."""
        return (self.timebase.frames_per_block - 1) * self.timebase.samples_per_frame


@runtime_checkable
class Stage(Protocol[In, Out, S]):
    """One arrow of the pipeline. Holds weights only; all memory of the past is in S.

    Attributes:
        clock: rates and lookahead.
        in_space: name of the feature or latent space that `step` accepts ("" for sound).
        out_space: name of the space of what comes out ("" for pictures).
        in_shape: shape of one time position of the input: (D,) for features, (58,) for motion,
            (C, h, w) for video latents, () for sound.
    """

    @property
    def clock(self) -> Clock: ...  # noqa: D102

    @property
    def in_space(self) -> str: ...  # noqa: D102

    @property
    def out_space(self) -> str: ...  # noqa: D102

    @property
    def in_shape(self) -> tuple[int, ...]: ...  # noqa: D102

    def start(self, references: References) -> S:
        """A fresh state: buffers allocated, references encoded once."""
        ...

    def step(self, chunk: In, state: S) -> list[Out]:
        """Zero or more outputs; updates `state` in place.

        Raises:
            ValueError: the chunk does not fit (space, rate, shape, position); `state` is as
                before.
        """
        ...

    def finish(self, state: S) -> list[Out]:
        """What is still inside comes out.

        There is always at least one output, which may be empty (T = 0); the last one, and no
        output of `step`, has `end_of_stream` set. Sound that ends within a frame is completed
        with silence.
        """
        ...


class Streaming(Protocol):
    """A stage whose outputs of one step take long enough to be worth having one by one."""

    def stream(self, chunk: Any, state: Any) -> Iterator[Any]:
        """As `step`, which refuses at once what does not fit; each output as soon as it is there.

        The state is that of the next step only when all outputs have been taken.
        """
        ...


def outputs_of(stage: Stage[Any, Out, Any], chunk: Chunk, state: Any) -> Iterable[Out]:
    """What a step puts out, as early as the stage can say it."""
    # Not isinstance: to ask for a protocol costs more than the step of a light stage's chunk.
    stream: Callable[[Chunk, Any], Iterator[Out]] | None = getattr(stage, "stream", None)
    return stage.step(chunk, state) if stream is None else stream(chunk, state)


@dataclass(frozen=True)
class Rung:
    """One way to work of a stage that can do with less.

    Attributes:
        name: what it does, for people.
        cost: its share of the work of the best rung, 0..1.
    """

    name: str
    cost: float


@runtime_checkable
class Degradable(Protocol):
    """A stage that can do its work more cheaply, to stay on time (see `realtime.ladder`).

    Attributes:
        rungs: what there is, the best and dearest first.
    """

    @property
    def rungs(self) -> tuple[Rung, ...]: ...  # noqa: D102

    def set_rung(self, state: Any, rung: int) -> None:
        """Work on that rung from the next step of `state` on; a fresh state is on the first."""
        ...


def end_of_frames(header: Header, next_frame: int, resolution: int) -> FrameChunk:
    """The empty chunk that ends a stream of square frames from which nothing is held back."""
    empty = np.zeros((0, resolution, resolution, 3), np.uint8)
    return FrameChunk(replace(header, end_of_stream=True), empty, next_frame)


def require_space(stage: str, expected: str, got: str) -> None:
    """Refuse a chunk of another space.

    Raises:
        ValueError: names the stage and both spaces.
    """
    if got != expected:
        raise ValueError(
            f"{stage}: got a chunk of space {got!r}, but works in {expected!r}; "
            "pair stages whose spaces match (see presets.py)"
        )


def require_steps(stage: str, timebase: Timebase, block: LatentBlock) -> None:
    """Refuse a block whose latent steps do not describe the frames that it draws.

    Raises:
        ValueError: names the stage, the place and number of the frames, and the steps given.
    """
    if not len(block.values) and not block.n_frames:
        return
    end_frame = block.first_frame + block.n_frames
    first_step = timebase.steps_of_frames(block.first_frame)
    n_steps = timebase.steps_of_frames(end_frame) - first_step
    begins_a_step = timebase.frames_of_steps(first_step) == block.first_frame
    if not begins_a_step or n_steps != len(block.values):
        raise ValueError(
            f"{stage}: LatentBlock.n_frames={block.n_frames} from first_frame={block.first_frame}"
            f" on does not fit {len(block.values)} latent steps of "
            f"{timebase.frames_per_latent_step} frames"
            f"{', the first of a session alone' if timebase.first_step_alone else ''}; "
            "send whole latent steps"
        )


def require_next(stage: str, field: str, expected: int, got: int) -> None:
    """Refuse a chunk that does not continue the stream.

    Raises:
        ValueError: names the stage, the field and both positions.
    """
    if got != expected:
        raise ValueError(
            f"{stage}: {field}={got}, expected {expected}; start a new state after a gap"
        )
