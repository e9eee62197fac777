"""A stage in a live stream: epochs, gaps, ends and new portraits around `start step finish`.

A stage counts every session from position 0 and refuses what does not continue it. Here a stream
may begin anywhere, lose a stretch, be flushed or get another portrait; each of these is a new
state, and positions outside stay those of the stream. Both layouts run this: the nodes of the
split layout one `Session` each, the fused node a `Chain` of them, and so they make the same
frames.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from talking_portrait_ros.chunks import (
    AudioChunk,
    Chunk,
    FeatureChunk,
    LatentBlock,
    References,
)
from talking_portrait_ros.realtime import video_blocks
from talking_portrait_ros.realtime.positions import (
    first_position,
    from_a_border,
    n_positions,
    shifted,
    with_ledger,
)
from talking_portrait_ros.realtime.recent import RecentTimes
from talking_portrait_ros.stage import Degradable, Rung, Stage, outputs_of, require_space

AnyStage = Stage[Any, Any, Any]
MOST_WAITED_FRAMES = 50  # that a decoder draws the old portrait until the generator begins anew
MOST_REPEATS = 12  # in a row; beyond, it is the newest chunk that was wrong


@dataclass
class SessionCounts:
    """What went on, in chunks and events.

    Attributes:
        stale: chunks of an epoch that a flush has made void.
        waiting: chunks that came before there was a portrait to draw.
        jumps: gaps in the positions of the input.
        repeated: chunks that were seen before, or that later ones have overtaken.
        sessions: states started.
    """

    stale: int = 0
    waiting: int = 0
    jumps: int = 0
    repeated: int = 0
    sessions: int = 0


class Session:
    """One stage and the state of its stream. `renew` and `set_epoch` may come from any thread.

    Attributes:
        counts: what went on.
        step_times: how long the steps took.
    """

    def __init__(self, name: str, stage: AnyStage) -> None:
        """Nothing is started before references and a first chunk are there.

        Args:
            name: the stage's name in ledgers and messages.
            stage: the stage.
        """
        self.name = name
        self.stage = stage
        self.counts = SessionCounts()
        self.step_times = RecentTimes()
        self._epoch = 0
        self._references: References | None = None
        self._started_with: References | None = None
        self._prepared: Any = None
        self._state: Any = None
        self._state_epoch = 0
        self._base = 0
        self._expected = 0
        self._newest_ns = 0
        self._repeats = 0
        self._rung = 0
        self._waited_frames = 0

    def renew(self, references: References) -> None:
        """Use these references from the next chunk on; they are encoded here and now.

        Raises:
            ValueError: the stage refuses them; the ones before stay.
        """
        self._prepared = self.stage.start(references)
        self._references = references
        self._waited_frames = 0

    def set_epoch(self, epoch: int) -> None:
        """Let `epoch` be in force; lower ones are void."""
        self._epoch = epoch

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """How cheaply the stage can work, the best rung first; one where it knows only one way."""
        return self.stage.rungs if isinstance(self.stage, Degradable) else (Rung("all", 1.0),)

    def set_rung(self, rung: int) -> None:
        """Let the stage work on that rung, or on its lowest, from the next chunk on."""
        self._rung = min(rung, len(self.rungs) - 1)

    def drop(self) -> None:
        """Forget the state; the next chunk begins a new one."""
        self._state = None

    def pieces(self, chunk: Chunk) -> list[Chunk]:
        """What to push one after the other for `chunk`: video latents, as the stage draws them.

        Raises:
            ValueError: the chunk does not fit the stage.
        """
        if not isinstance(chunk, LatentBlock) or not self.stage.in_space.startswith("video/"):
            return [chunk]
        self._require_fit(chunk)
        timebase = self.stage.clock.timebase
        begins = video_blocks.begins_a_session(chunk, timebase, self._is_next(chunk))
        return [*video_blocks.in_decoder_blocks(chunk, timebase, begins)]

    def push(self, chunk: Chunk) -> list[Chunk]:
        """What `chunk` completes, at the positions of the stream.

        Raises:
            ValueError: the chunk does not fit the stage; the session goes on.
        """
        return list(self.stream(chunk))

    def stream(self, chunk: Chunk) -> Iterator[Chunk]:
        """As `push`, each output as soon as the stage has it; take all of them."""
        self._require_fit(chunk)
        if chunk.header.epoch < self._epoch:
            self.counts.stale += 1
            return
        self._epoch = max(self._epoch, chunk.header.epoch)
        if self._state_epoch != self._epoch:
            self._state = None
        if self._is_repeated(chunk):
            self.counts.repeated += 1
            self._repeats += 1
            return
        self._repeats = 0
        outputs, ms, is_over = self._outputs(chunk), 0.0, False
        while not is_over:
            begun = time.perf_counter()
            output = next(outputs, None)
            ms += (time.perf_counter() - begun) * 1e3  # what is done with the output is not ours
            is_over = output is None
            if output is not None:
                yield with_ledger(output, chunk, self.name, ms)
        self.step_times.add(ms)

    def _outputs(self, chunk: Chunk) -> Iterator[Chunk]:
        yield from self._close_where_broken(chunk)
        if self._state is None:
            aligned = self._opened_at(chunk)
            if aligned is None:
                return
            chunk = aligned
        yield from self._stepped(chunk)

    def _require_fit(self, chunk: Chunk) -> None:
        """Refuse what never fits, before a state is touched."""
        if isinstance(chunk, AudioChunk):
            rate_hz = self.stage.clock.timebase.sample_rate_hz
            if chunk.sample_rate_hz != rate_hz:
                raise ValueError(
                    f"{self.name}: sample_rate_hz={chunk.sample_rate_hz}, expected {rate_hz}; "
                    "resample before the stage"
                )
        elif isinstance(chunk, (FeatureChunk, LatentBlock)):
            require_space(self.name, self.stage.in_space, chunk.space)
            if chunk.values.shape[1:] != self.stage.in_shape:
                raise ValueError(
                    f"{self.name}: values have shape {list(chunk.values.shape)}, expected "
                    f"{['T', *self.stage.in_shape]}; the space {chunk.space!r} fixes it"
                )
        if isinstance(chunk, LatentBlock):
            video_blocks.require_whole_steps(self.name, chunk, self.stage.clock.timebase)

    def _is_next(self, chunk: Chunk) -> bool:
        """True where the state has seen all that comes before `chunk`."""
        return self._state is not None and first_position(chunk) == self._expected

    def _is_repeated(self, chunk: Chunk) -> bool:
        """True where position and capture time both say that the state is beyond `chunk`."""
        known = self._state is not None and n_positions(chunk) > 0 and self._repeats < MOST_REPEATS
        passed = known and first_position(chunk) + n_positions(chunk) <= self._expected
        return passed and chunk.header.stamp_ns < self._newest_ns

    def _close_where_broken(self, chunk: Chunk) -> list[Chunk]:
        """End the state at a gap, at a beginning or for a new portrait; the inside comes out."""
        if self._state is None:
            return []
        jumped = not self._is_next(chunk)
        self.counts.jumps += jumped
        timebase = self.stage.clock.timebase
        begins = isinstance(chunk, LatentBlock) and video_blocks.begins_a_session(
            chunk, timebase, continues=not jumped
        )
        if not jumped and not begins and not self._takes_the_new_portrait(chunk):
            return []
        return [output for output in self._finished(end_of_stream=False) if n_positions(output)]

    def _takes_the_new_portrait(self, chunk: Chunk) -> bool:
        """Whether the state gives way to one of other references here.

        Video latents are those of one person, so a decoder waits for the generator to begin anew
        with the new one, but not for ever: a recording never does.
        """
        if self._references is self._started_with:
            return False
        self._waited_frames += n_positions(chunk)
        is_video = self.stage.in_space.startswith("video/")
        return not is_video or self._waited_frames > MOST_WAITED_FRAMES

    def _opened_at(self, chunk: Chunk) -> Chunk | None:
        """A new state that begins with `chunk`; the part of it that a state can begin with."""
        references = self._references
        if references is None:
            self.counts.waiting += 1
            return None
        aligned = from_a_border(chunk, self.stage.clock.timebase)
        if aligned is None:
            return None
        fresh, self._prepared = self._prepared, None
        renewed = fresh is not None and references is not self._started_with
        self._state = fresh if renewed else self.stage.start(references)
        self._started_with = references
        self._state_epoch = chunk.header.epoch
        self._base = self._expected = first_position(aligned)
        self.counts.sessions += 1
        return aligned

    def _stepped(self, chunk: Chunk) -> Iterator[Chunk]:
        if isinstance(self.stage, Degradable):
            self.stage.set_rung(self._state, self._rung)
        outputs = outputs_of(self.stage, shifted(chunk, -self._base), self._state)
        self._expected = first_position(chunk) + n_positions(chunk)
        self._newest_ns = chunk.header.stamp_ns + 1
        for output in outputs:
            yield self._in_stream(output)
        if chunk.header.end_of_stream:
            yield from self._finished()

    def _finished(self, end_of_stream: bool = True) -> list[Chunk]:
        state, self._state = self._state, None
        outputs = [self._in_stream(output) for output in self.stage.finish(state)]
        if not end_of_stream:
            outputs = [o.with_header(replace(o.header, end_of_stream=False)) for o in outputs]
        return outputs

    def _in_stream(self, output: Chunk) -> Chunk:
        """An output of the stage at its position in the stream."""
        per_frame = 1 if self.stage.in_space else self.stage.clock.timebase.samples_per_frame
        return shifted(output, self._base // per_frame)
