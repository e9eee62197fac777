"""Stand-ins for stages around a video space: a causal generator and a causal decoder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from talking_portrait_ros.chunks import FeatureChunk, FrameChunk, Header, LatentBlock, References
from talking_portrait_ros.stage import Clock, require_next, require_space, require_steps
from talking_portrait_ros.timebase import Timebase

VIDEO = "video/ref-vae-stand-in-1"
LOUDNESS = "features/loudness-1"
LATENT = (2, 3, 3)
SIDE = 16


def video_timebase(first_step_alone: bool = True, steps_per_block: int = 1) -> Timebase:
    return Timebase(
        frames_per_latent_step=4,
        latent_steps_per_block=steps_per_block,
        first_step_alone=first_step_alone,
    )


@dataclass
class DecoderState:
    brightness: float
    memory: float = 0.0
    frame: int = 0
    header: Header = field(default_factory=Header)


class VideoDecoder:
    """Brightness of the reference, plus what each step and all steps before it say."""

    in_space, out_space, in_shape = VIDEO, "", LATENT

    def __init__(self, first_step_alone: bool = True):
        self.clock = Clock(video_timebase(first_step_alone))

    def start(self, references: References) -> DecoderState:
        return DecoderState(float(references.first.image.mean()))

    def step(self, chunk: LatentBlock, state: DecoderState) -> list[FrameChunk]:
        timebase = self.clock.timebase
        require_space("stand-in", VIDEO, chunk.space)
        if chunk.values.shape[1:] != LATENT:
            raise ValueError(f"stand-in: values are {chunk.values.shape}, expected T, {LATENT}")
        require_next("stand-in", "first_frame", state.frame, chunk.first_frame)
        require_steps("stand-in", timebase, chunk)
        levels: list[float] = []
        for index in range(len(chunk.values)):
            levels += self.drawn(chunk.values, index, state, state.frame + len(levels))
        return self.sent(levels, chunk, state)

    def drawn(self, values, index, state, frame) -> list[float]:
        """Brightness of the frames of step `index` of a block."""
        state.memory = 0.5 * state.memory + float(values[index].mean())
        n_frames = 1 if self.clock.timebase.first_step_alone and frame == 0 else 4
        return [state.memory + 0.1 * k for k in range(n_frames)]

    def sent(self, levels, chunk, state) -> list[FrameChunk]:
        level = state.brightness + 60 * np.tanh(np.array(levels[: chunk.n_frames]))
        frames = np.zeros((len(level), SIDE, SIDE, 3), np.uint8)
        frames += level.clip(0, 255).astype(np.uint8)[:, None, None, None]
        header = replace(chunk.header, end_of_stream=False)
        state.header = header.at(header.stamp_ns + len(level) * self.clock.timebase.frame_ns)
        state.frame += len(level)
        return [FrameChunk(header, frames, chunk.first_frame)] if len(level) else []

    def finish(self, state: DecoderState) -> list[FrameChunk]:
        header = replace(state.header, end_of_stream=True)
        return [FrameChunk(header, np.zeros((0, SIDE, SIDE, 3), np.uint8), state.frame)]


@dataclass
class GeneratorState:
    loudness: list[float] = field(default_factory=list)
    frame: int = 0
    origin_ns: int | None = None


class VideoGenerator:
    """One latent step per group of frames, as loud as these are; blocks of several steps."""

    in_space, out_space, in_shape = LOUDNESS, VIDEO, (1,)

    def __init__(self, first_step_alone: bool = True, steps_per_block: int = 2):
        self.clock = Clock(video_timebase(first_step_alone, steps_per_block))

    def start(self, references: References) -> GeneratorState:
        return GeneratorState()

    def step(self, chunk: FeatureChunk, state: GeneratorState) -> list[LatentBlock]:
        require_space("generator", LOUDNESS, chunk.space)
        if chunk.values.shape[1:] != (1,):
            raise ValueError(f"generator: values are {chunk.values.shape}, expected T, 1")
        known = state.frame + len(state.loudness)
        require_next("generator", "first_frame", known, chunk.first_frame)
        if state.origin_ns is None:
            state.origin_ns = chunk.header.stamp_ns
        state.loudness += chunk.values[:, 0].tolist()
        return self._taken(self.clock.timebase.complete_blocks(known + chunk.n_frames), state)

    def finish(self, state: GeneratorState) -> list[LatentBlock]:
        end = state.frame + len(state.loudness)
        blocks = self._taken(end, state)
        if not blocks:
            return [self._block([], state, 0, True)]
        return [blocks[0].with_header(replace(blocks[0].header, end_of_stream=True))]

    def _taken(self, end: int, state: GeneratorState) -> list[LatentBlock]:
        timebase = self.clock.timebase
        if end == state.frame:
            return []
        borders = [
            min(timebase.frames_of_steps(n), end) - state.frame
            for n in range(
                timebase.steps_of_frames(state.frame), timebase.steps_of_frames(end) + 1
            )
        ]
        pairs = zip(borders, borders[1:], strict=False)
        steps = [float(np.mean(state.loudness[low:high])) for low, high in pairs]
        return [self._block(steps, state, end - state.frame)]

    def _block(self, steps, state, n_frames, end_of_stream=False) -> LatentBlock:
        values = np.zeros((len(steps), *LATENT), np.float32)
        values += np.array(steps, np.float32)[:, None, None, None]
        stamp_ns = (state.origin_ns or 0) + state.frame * self.clock.timebase.frame_ns
        block = LatentBlock(
            Header(stamp_ns, end_of_stream=end_of_stream), VIDEO, values, state.frame, n_frames
        )
        state.frame += n_frames
        state.loudness = state.loudness[n_frames:]
        return block
