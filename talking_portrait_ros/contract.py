"""What every stage has to keep, as checks that run on any of them: the conformance kit.

The project's own tests run all of `CHECKS` on every registered family (`test/contract`). A
researcher runs them on a new one, inside or outside this package:

    from talking_portrait_ros.contract import CHECKS
    for check in CHECKS:
        check(build(tiny_config, "cpu"))

A check returns None or raises AssertionError with a sentence that says what was broken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talking_portrait_ros.chunks import (
    AudioChunk,
    Chunk,
    FeatureChunk,
    FrameChunk,
    LatentBlock,
    References,
)
from talking_portrait_ros.stage import Stage
from talking_portrait_ros.synthetic import (
    changed_from,
    misfits,
    split_chunk,
    synthetic_input,
    synthetic_references,
)

AnyStage = Stage[Any, Any, Any]
N_FRAMES = 16
N_CHANGES = 8
FLOAT_TOLERANCE = 1e-4
PIXEL_TOLERANCE = 1


def run_stage(
    stage: AnyStage, chunks: list[Chunk], references: References | None = None
) -> list[Chunk]:
    """All outputs of one session."""
    state = stage.start(references or synthetic_references())
    outputs = [output for chunk in chunks for output in stage.step(chunk, state)]
    return outputs + stage.finish(state)


def joined(outputs: list[Chunk]) -> NDArray[Any]:
    """The data of a session's outputs along the time axis, [T, ...]."""
    return np.concatenate([_data(output) for output in outputs])


def check_streaming_equals_whole(stage: AnyStage) -> None:
    """Any chunking of the input gives the same output."""
    whole = synthetic_input(stage, N_FRAMES, seed=1)
    expected = joined(run_stage(stage, [whole]))
    for seed in range(3):
        pieces = split_chunk(whole, _random_lengths(stage, seed), stage.clock.timebase)
        got = joined(run_stage(stage, pieces))
        _assert_same(got, expected, f"chunking with seed {seed} changes the output")


def check_clock(stage: AnyStage) -> None:
    """Number, positions and stamps of the outputs follow the timebase."""
    timebase = stage.clock.timebase
    whole = synthetic_input(stage, N_FRAMES, seed=2)
    outputs = run_stage(stage, split_chunk(whole, _random_lengths(stage, 5), timebase))
    frame = 0
    for output in outputs:
        _assert(_first_frame(output) == frame or _n_frames(output) == 0,
                f"an output starts at frame {_first_frame(output)}, expected {frame}")  # fmt: skip
        late_ns = output.header.stamp_ns - whole.header.stamp_ns - frame * timebase.frame_ns
        _assert(_n_frames(output) == 0 or abs(late_ns) <= 1000,
                f"the stamp of frame {frame} is {late_ns} ns off")  # fmt: skip
        frame += _n_frames(output)
    _assert(frame == N_FRAMES, f"{frame} frames came out for {N_FRAMES} that went in")
    flags = [output.header.end_of_stream for output in outputs]
    _assert(flags == [False] * (len(flags) - 1) + [True],
            "exactly the last output of finish has end_of_stream set")  # fmt: skip


def check_lookahead(stage: AnyStage) -> None:
    """An output depends on its declared lookahead and on nothing after it."""
    whole = synthetic_input(stage, N_FRAMES, seed=3)
    expected = joined(run_stage(stage, [whole]))
    margins = []
    grain = 1 if stage.in_space else 160
    for position in _changes(_length(whole), grain):
        got = joined(run_stage(stage, [changed_from(whole, position)]))
        first = _first_difference(got, expected)
        if first is None:
            continue
        margins.append(_depends_until(stage, first) - position)
        _assert(margins[-1] > 0,
                f"input position {position} changes output {first}, which may depend on "
                f"positions below {_depends_until(stage, first)} only")  # fmt: skip
    if not stage.clock.hears_input:
        _assert(not margins, "a change of the input changes the output of a stage that hears none")
        return
    _assert(bool(margins), "no change of the input changes the output")
    _assert(min(margins) <= grain,
            f"the declared lookahead is {min(margins)} input positions longer than the "
            "measured one")  # fmt: skip


def check_outputs_are_on_time(stage: AnyStage) -> None:
    """An output appears as soon as the declared lookahead and its block are known."""
    whole = synthetic_input(stage, N_FRAMES, seed=4)
    grain = 160 if isinstance(whole, AudioChunk) else 1
    pieces = split_chunk(whole, [grain] * _length(whole), stage.clock.timebase)
    state = stage.start(synthetic_references())
    known = out = 0
    for piece in pieces:
        known += _length(piece)
        out += sum(_n_frames(output) for output in stage.step(piece, state))
        due = _frames_due(stage, known)
        _assert(out == due, f"{out} frames are out when {known} input positions are known; "
                            f"the declared clock promises {due}")  # fmt: skip


def check_sessions_are_independent(stage: AnyStage) -> None:
    """Two interleaved sessions equal two separate ones."""
    lengths = _random_lengths(stage, 8)
    inputs = [synthetic_input(stage, N_FRAMES, seed=seed) for seed in (6, 7)]
    pieces = [split_chunk(item, lengths, stage.clock.timebase) for item in inputs]
    expected = [joined(run_stage(stage, item)) for item in pieces]
    states = [stage.start(synthetic_references()) for _ in inputs]
    outputs: list[list[Chunk]] = [[], []]
    for pair in zip(*pieces, strict=True):
        for index, piece in enumerate(pair):
            outputs[index] += stage.step(piece, states[index])
    for index, state in enumerate(states):
        got = joined(outputs[index] + stage.finish(state))
        _assert_same(got, expected[index], "a session changes with what another session does")


def check_constant_memory(stage: AnyStage) -> None:
    """The state is as large after 200 frames as after 20."""
    state = stage.start(synthetic_references())
    sizes = []
    whole = synthetic_input(stage, 200, seed=9)
    pieces = split_chunk(whole, [_per_frame(stage)] * 200, stage.clock.timebase)
    for index, piece in enumerate(pieces, start=1):
        stage.step(piece, state)
        if index in (len(pieces) // 10, len(pieces)):
            sizes.append(_state_size(state))
    _assert(sizes[1] <= sizes[0] * 1.01 + 1024,
            f"the state grew from {sizes[0]} to {sizes[1]} bytes")  # fmt: skip


def check_seeded(stage: AnyStage) -> None:
    """The same session twice gives the same output."""
    whole = synthetic_input(stage, N_FRAMES, seed=10)
    first, second = (joined(run_stage(stage, [whole])) for _ in range(2))
    _assert_same(second, first, "the same input gives another output the second time")


def check_refuses_misfits(stage: AnyStage) -> None:
    """A chunk of another space, shape, rate or position raises ValueError and changes nothing."""
    whole = synthetic_input(stage, N_FRAMES, seed=11)
    expected = joined(run_stage(stage, [whole]))
    state = stage.start(synthetic_references())
    for misfit in misfits(whole, stage):
        try:
            stage.step(misfit, state)
        except ValueError as error:
            _assert(bool(str(error)) and "\n" not in str(error), "the refusal is not one line")
        else:
            raise AssertionError(f"a misfit was accepted: {_describe(misfit)}")
    got = joined(stage.step(whole, state) + stage.finish(state))
    _assert_same(got, expected, "a refused chunk changed the state")


CHECKS: tuple[Callable[[AnyStage], None], ...] = (
    check_streaming_equals_whole,
    check_clock,
    check_lookahead,
    check_outputs_are_on_time,
    check_sessions_are_independent,
    check_constant_memory,
    check_seeded,
    check_refuses_misfits,
)


def _assert(ok: bool, sentence: str) -> None:
    if not ok:
        raise AssertionError(sentence)


def _assert_same(got: NDArray[Any], expected: NDArray[Any], sentence: str) -> None:
    _assert(got.shape == expected.shape, f"{sentence}: shape {got.shape}, not {expected.shape}")
    first = _first_difference(got, expected)
    _assert(first is None, f"{sentence}: first difference at {first}")


def _first_difference(got: NDArray[Any], expected: NDArray[Any]) -> int | None:
    tolerance = PIXEL_TOLERANCE if got.dtype == np.uint8 else FLOAT_TOLERANCE
    apart = np.abs(got.astype(np.float64) - expected.astype(np.float64)) > tolerance
    rows = np.flatnonzero(apart.reshape(len(apart), -1).any(axis=1))
    return int(rows[0]) if len(rows) else None


def _data(chunk: Chunk) -> NDArray[Any]:
    if isinstance(chunk, FeatureChunk):
        return np.concatenate([chunk.values, chunk.speech[:, None]], axis=1)
    if isinstance(chunk, LatentBlock):
        return chunk.values
    if isinstance(chunk, FrameChunk):
        return chunk.frames
    raise AssertionError(f"{type(chunk).__name__} is no output of a stage")


def _length(chunk: Chunk) -> int:
    """Input positions in a chunk: samples, frames or latent steps."""
    return len(chunk.samples) if isinstance(chunk, AudioChunk) else len(_data(chunk))


def _first_frame(chunk: Any) -> int:
    return int(chunk.first_frame)


def _n_frames(chunk: Chunk) -> int:
    return chunk.n_frames if isinstance(chunk, LatentBlock) else len(_data(chunk))


def _per_frame(stage: AnyStage) -> int:
    """Input positions per frame, at least one."""
    return 1 if stage.in_space else stage.clock.timebase.samples_per_frame


def _changes(n_positions: int, grain: int) -> list[int]:
    """Input positions to change from: the first, the last, and neighbours in the middle.

    Sound has many cheap positions per frame, all of which are taken.
    """
    positions = list(range(0, n_positions, grain))
    if grain > 1 or len(positions) <= N_CHANGES:
        return positions
    middle = len(positions) // 2
    return [positions[0], *positions[middle : middle + N_CHANGES - 2], positions[-1]]


def _frame_of_output(stage: AnyStage, index: int) -> int:
    """The last frame that output row `index` describes."""
    if stage.out_space.startswith("video/"):
        return stage.clock.timebase.frames_of_steps(index + 1) - 1
    return index


def _depends_until(stage: AnyStage, index: int) -> int:
    """First input position that output row `index` must not depend on."""
    clock = stage.clock
    end = clock.timebase.block_end(_frame_of_output(stage, index)) + clock.lookahead_frames
    if not stage.in_space:
        return end * clock.timebase.samples_per_frame + clock.lookahead_samples
    in_steps = stage.in_space.startswith("video/")
    return clock.timebase.steps_of_frames(end) if in_steps else end


def _frames_due(stage: AnyStage, known: int) -> int:
    """Frames that the declared clock promises once `known` input positions are there."""
    clock = stage.clock
    if not stage.in_space:
        known = (known - clock.lookahead_samples) // clock.timebase.samples_per_frame
    elif stage.in_space.startswith("video/"):
        known = clock.timebase.frames_of_steps(known)
    frames = clock.timebase.complete_blocks(max(0, known - clock.lookahead_frames))
    return min(frames, N_FRAMES)


def _random_lengths(stage: AnyStage, seed: int) -> list[int]:
    highest = 3 * _per_frame(stage)
    lengths = np.random.default_rng(seed).integers(1, highest + 1, 200)
    return [int(length) for length in lengths]


def _describe(chunk: Chunk) -> str:
    shape = _length(chunk)
    return f"{type(chunk).__name__} of length {shape}"


def _state_size(value: Any, seen: set[int] | None = None) -> int:
    """Bytes of arrays and tensors that a state holds, containers counted per item."""
    seen = set() if seen is None else seen
    if id(value) in seen or isinstance(value, (str, bytes, int, float, type(None))):
        return 8
    seen.add(id(value))
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    elif hasattr(value, "__dict__"):
        value = list(vars(value).values())
    elif dataclasses.is_dataclass(value):  # one with slots
        value = [getattr(value, f.name) for f in dataclasses.fields(value)]
    try:
        return 8 + sum(_state_size(item, seen) for item in value)
    except TypeError:
        return 8
