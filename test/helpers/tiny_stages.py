"""The smallest stages that keep the contract: sound -> loudness -> motion -> grey pictures."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from talking_portrait_ros.chunks import (
    AudioChunk,
    FeatureChunk,
    FrameChunk,
    Header,
    LatentBlock,
    References,
)
from talking_portrait_ros.spaces import MOTION_ARKIT, MOTION_WIDTH
from talking_portrait_ros.stage import Clock, require_next, require_space
from talking_portrait_ros.timebase import Timebase

TIMEBASE = Timebase()
LOUDNESS = "features/loudness-1"
LOOKAHEAD = 320
SIDE = 16


@dataclass
class SoundState:
    samples: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    n_known: int = 0
    frame: int = 0
    start_ns: int = 0


class Loudness:
    """Mean square of each frame, 20 ms late."""

    clock = Clock(TIMEBASE, lookahead_samples=LOOKAHEAD)
    in_space, out_space, in_shape = "", LOUDNESS, ()

    def start(self, references: References) -> SoundState:
        return SoundState()

    def step(self, chunk: AudioChunk, state: SoundState) -> list[FeatureChunk]:
        require_next("loudness", "first_sample", state.n_known, chunk.first_sample)
        if state.n_known == 0:
            state.start_ns = chunk.header.stamp_ns
        state.samples = np.concatenate([state.samples, chunk.samples])
        state.n_known += len(chunk.samples)
        ready = TIMEBASE.complete_frames(state.n_known - LOOKAHEAD) - state.frame
        return [self._taken(ready, state)] if ready > 0 else []

    def finish(self, state: SoundState) -> list[FeatureChunk]:
        missing = -len(state.samples) % 640
        state.samples = np.concatenate([state.samples, np.zeros(missing, np.float32)])
        last = self._taken(len(state.samples) // 640, state)
        return [last.with_header(replace(last.header, end_of_stream=True))]

    def _taken(self, n: int, state: SoundState) -> FeatureChunk:
        rows, state.samples = state.samples[: n * 640], state.samples[n * 640 :]
        values = (rows.reshape(n, 640) ** 2).mean(axis=1, keepdims=True).astype(np.float32)
        header = Header(state.start_ns + state.frame * TIMEBASE.frame_ns)
        speech = (values[:, 0] > 1e-4).astype(np.float32)
        out = FeatureChunk(header, LOUDNESS, values, speech, state.frame)
        state.frame += n
        return out


@dataclass
class FrameState:
    frame: int = 0
    brightness: int = 0
    header: Header = field(default_factory=Header)


class Jaw:
    """Loudness opens the jaw; counts its frames in another control, so that a restart shows."""

    clock = Clock(TIMEBASE)
    in_space, out_space, in_shape = LOUDNESS, MOTION_ARKIT, (1,)

    def start(self, references: References) -> FrameState:
        return FrameState()

    def step(self, chunk: FeatureChunk, state: FrameState) -> list[LatentBlock]:
        require_space("jaw", LOUDNESS, chunk.space)
        require_next("jaw", "first_frame", state.frame, chunk.first_frame)
        if not chunk.n_frames:
            return []
        values = np.zeros((chunk.n_frames, MOTION_WIDTH), np.float32)
        values[:, 17] = chunk.values[:, 0]
        values[:, 0] = np.arange(state.frame, state.frame + chunk.n_frames)
        header = replace(chunk.header, end_of_stream=False)
        state.frame += chunk.n_frames
        state.header = header.at(header.stamp_ns + chunk.n_frames * TIMEBASE.frame_ns)
        return [LatentBlock(header, MOTION_ARKIT, values, chunk.first_frame, chunk.n_frames)]

    def finish(self, state: FrameState) -> list[LatentBlock]:
        header = replace(state.header, end_of_stream=True)
        none = np.zeros((0, MOTION_WIDTH), np.float32)
        return [LatentBlock(header, MOTION_ARKIT, none, state.frame, 0)]


class Grey:
    """A grey picture per frame: brightness of the reference, plus the jaw, plus the count."""

    clock = Clock(TIMEBASE)
    in_space, out_space, in_shape = MOTION_ARKIT, "", (MOTION_WIDTH,)

    def start(self, references: References) -> FrameState:
        if references.first.name == "faceless":
            raise ValueError("portrait faceless: no face found; give a picture with a face")
        return FrameState(brightness=int(references.first.image[0, 0, 0]))

    def step(self, chunk: LatentBlock, state: FrameState) -> list[FrameChunk]:
        require_space("grey", MOTION_ARKIT, chunk.space)
        require_next("grey", "first_frame", state.frame, chunk.first_frame)
        if not chunk.n_frames:
            return []
        level = state.brightness + chunk.values[:, 17] * 100 + chunk.values[:, 0] % 50
        rows = level.clip(0, 255).astype(np.uint8)
        frames = np.broadcast_to(rows[:, None, None, None], (len(rows), SIDE, SIDE, 3)).copy()
        header = replace(chunk.header, end_of_stream=False)
        state.frame += chunk.n_frames
        state.header = header.at(header.stamp_ns + chunk.n_frames * TIMEBASE.frame_ns)
        return [FrameChunk(header, frames, chunk.first_frame)]

    def finish(self, state: FrameState) -> list[FrameChunk]:
        header = replace(state.header, end_of_stream=True)
        return [FrameChunk(header, np.zeros((0, SIDE, SIDE, 3), np.uint8), state.frame)]


STAGES = {"features": Loudness, "latents": Jaw, "frames": Grey}


def sound(n_chunks: int, n: int = 320, epoch: int = 0, first: int = 0) -> list[AudioChunk]:
    """A voice that gets louder, in chunks of `n` samples from sample `first` on."""
    t = np.arange(first, first + n_chunks * n)
    samples = (np.sin(t * 0.1) * (t % 16000) / 16000).astype(np.float32)
    chunks = []
    for index in range(n_chunks):
        position = first + index * n
        header = Header(10**9 + TIMEBASE.samples_to_ns(position), epoch=epoch)
        piece = samples[index * n : (index + 1) * n]
        chunks.append(AudioChunk(header, piece, 16000, position))
    return chunks


def ended(chunks: list[AudioChunk]) -> list[AudioChunk]:
    """The same chunks, the last of which ends the stream."""
    last = chunks[-1]
    return [*chunks[:-1], last.with_header(replace(last.header, end_of_stream=True))]
