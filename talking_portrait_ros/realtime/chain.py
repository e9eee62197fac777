"""Stages of a live stream in a row: all of the fused node, those of a node of the split layout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from talking_portrait_ros.chunks import Chunk, References
from talking_portrait_ros.realtime.session import AnyStage, Session
from talking_portrait_ros.stage import Rung
from talking_portrait_ros.timebase import Timebase


class Chain:
    """Sessions in a row: the output of each is the input of the next."""

    def __init__(self, stages: Sequence[tuple[str, AnyStage]]) -> None:
        """Sessions for named stages, in order of flow."""
        self.sessions = [Session(name, stage) for name, stage in stages]

    def renew(self, references: References) -> None:
        """Use these references from the next chunk on.

        Raises:
            ValueError: a stage refuses them.
        """
        for session in self.sessions:
            session.renew(references)

    def set_epoch(self, epoch: int) -> None:
        """Let `epoch` be in force; lower ones are void."""
        for session in self.sessions:
            session.set_epoch(epoch)

    @property
    def timebase(self) -> Timebase:
        """The rates that all stages have."""
        return self.sessions[0].stage.clock.timebase

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Those of the stage that has most of them."""
        return max((session.rungs for session in self.sessions), key=len)

    def set_rung(self, rung: int) -> None:
        """Let every stage work on that rung, or on its lowest."""
        for session in self.sessions:
            session.set_rung(rung)

    def drop(self) -> None:
        """Forget all states."""
        for session in self.sessions:
            session.drop()

    def push(self, chunk: Chunk) -> Iterator[tuple[str, Chunk]]:
        """What comes out of each stage for `chunk`, named, in order of flow.

        Raises:
            ValueError: a chunk does not fit.
        """
        yield from self._through(0, chunk)

    def _through(self, index: int, chunk: Chunk) -> Iterator[tuple[str, Chunk]]:
        if index == len(self.sessions):
            return
        session = self.sessions[index]
        for piece in session.pieces(chunk):
            for output in session.stream(piece):
                yield session.name, output
                yield from self._through(index + 1, output)
