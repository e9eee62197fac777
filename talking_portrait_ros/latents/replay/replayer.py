"""The replay stage: as many latent steps come out as features come in, whatever these say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from talking_portrait_ros.chunks import F32, FeatureChunk, Header, LatentBlock, References
from talking_portrait_ros.features.log_mel.config import feature_space
from talking_portrait_ros.features.log_mel.ear import FRAME_WIDTH
from talking_portrait_ros.latents.replay.config import ReplayConfig
from talking_portrait_ros.latents.replay.recording import Recording
from talking_portrait_ros.stage import Clock, require_next, require_space


@dataclass
class ReplayState:
    """Where one session stands.

    Attributes:
        known: frames whose features have come.
        sent: frames whose latents have gone.
        header: header that frame `sent` has.
    """

    known: int = 0
    sent: int = 0
    header: Header = field(default_factory=Header)


class Replayer:
    """Log-mel features to the latents of a recording, which begins again when it ends.

    A recording that has ended goes on with its second step where the first one stands alone: only
    the first step of a session may.
    """

    in_shape: tuple[int, ...] = (FRAME_WIDTH,)

    def __init__(self, config: ReplayConfig, recording: Recording) -> None:
        """`recording` is what `config.file` holds."""
        self.config = config
        timebase = replace(recording.timebase, latent_steps_per_block=config.steps_per_block)
        self.clock = Clock(timebase, hears_input=False)
        self.in_space = feature_space(config.lookahead_ms)
        self.out_space = recording.space
        self._values = recording.values  # [T_z, C, h, w]

    def start(self, references: References) -> ReplayState:
        """The recording from its beginning; the pictures do not matter here."""
        return ReplayState()

    def step(self, chunk: FeatureChunk, state: ReplayState) -> list[LatentBlock]:
        """The blocks that the frames of `chunk` complete.

        Raises:
            ValueError: another feature space or width, or the chunk does not follow the last one.
        """
        require_space("replay", self.in_space, chunk.space)
        if chunk.values.shape[1:] != self.in_shape:
            raise ValueError(
                f"replay: values are [T, {chunk.values.shape[1]}], expected [T, {FRAME_WIDTH}] "
                f"in {self.in_space}; use the log_mel features"
            )
        require_next("replay", "first_frame", state.known, chunk.first_frame)
        timebase = self.clock.timebase
        behind_ns = (chunk.first_frame - state.sent) * timebase.frame_ns
        header = replace(chunk.header, end_of_stream=False)
        state.header = header.at(chunk.header.stamp_ns - behind_ns)
        state.known += chunk.n_frames
        blocks = []
        while (end := timebase.block_end(state.sent)) <= state.known:
            blocks.append(self._block(end, state))
        return blocks

    def finish(self, state: ReplayState) -> list[LatentBlock]:
        """The frames of the block that is not complete; it ends the stream."""
        block = self._block(state.known, state)
        return [block.with_header(replace(block.header, end_of_stream=True))]

    def _block(self, end: int, state: ReplayState) -> LatentBlock:
        """The latents up to frame `end`."""
        timebase = self.clock.timebase
        steps = range(timebase.steps_of_frames(state.sent), timebase.steps_of_frames(end))
        n_frames = end - state.sent
        block = LatentBlock(
            state.header,
            self.out_space,
            self._steps(np.array(steps, np.int64)),
            state.sent,
            n_frames,
        )
        state.sent = end
        state.header = state.header.at(state.header.stamp_ns + n_frames * timebase.frame_ns)
        return block

    def _steps(self, steps: NDArray[np.int64]) -> F32:
        """Steps of the endless recording, [n, C, h, w]."""
        n_steps = len(self._values)
        first = int(self.clock.timebase.first_step_alone)
        again = first + (steps - first) % (n_steps - first)
        values: F32 = self._values[np.where(steps < n_steps, steps, again)]
        return values
