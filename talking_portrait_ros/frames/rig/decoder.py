"""The frames stage of the family: latent blocks of motion in, frames of the portrait out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from talking_portrait_ros.chunks import U8, FrameChunk, Header, LatentBlock, Reference, References
from talking_portrait_ros.frames.rig.builder import build_rig
from talking_portrait_ros.frames.rig.config import RigConfig
from talking_portrait_ros.frames.rig.renderer import RigRenderer
from talking_portrait_ros.frames.thinning import frames_to_draw, repeated
from talking_portrait_ros.spaces import MOTION_ARKIT, MOTION_WIDTH
from talking_portrait_ros.stage import Clock, Rung, end_of_frames, require_next, require_space
from talking_portrait_ros.timebase import Timebase


@dataclass
class RigState:
    """One session: the portrait, where the stream stands, which frames are drawn."""

    renderer: RigRenderer
    next_frame: int = 0
    header: Header = field(default_factory=Header)
    every: int = 1
    last: U8 | None = None  # [H, W, 3]


class RigDecoder:
    """Draws `motion/arkit-1` with a portrait rig."""

    in_space = MOTION_ARKIT
    out_space = ""
    in_shape = (MOTION_WIDTH,)
    rungs = (
        Rung("every frame is drawn", 1.0),
        Rung("every second frame is drawn", 0.5),
        Rung("every third frame is drawn", 0.34),
    )

    def __init__(self, config: RigConfig, device: str = "cpu") -> None:
        """A decoder that draws on `device`."""
        self.config = config
        self.device = device
        self.clock = Clock(Timebase())
        self._made: tuple[str, RigRenderer] | None = None

    def start(self, references: References) -> RigState:
        """The rig of the first picture; kept for the next session with the same picture.

        Raises:
            ValueError: no usable face in the picture; names the remedy.
        """
        key = _content(references.first)
        if self._made is None or self._made[0] != key:
            rig = build_rig(references.first, self.config)
            self._made = key, RigRenderer(rig, self.device)
        return RigState(self._made[1])

    def set_rung(self, state: RigState, rung: int) -> None:
        """Draw fewer frames; the others repeat them."""
        state.every = 1 + rung

    def step(self, chunk: LatentBlock, state: RigState) -> list[FrameChunk]:
        """The frames of a block.

        Raises:
            ValueError: another space, a wrong shape, or a block that does not continue the stream.
        """
        require_space("frames/rig", self.in_space, chunk.space)
        if chunk.values.shape != (chunk.n_frames, MOTION_WIDTH):
            raise ValueError(
                f"frames/rig: LatentBlock.values is {chunk.values.shape} for n_frames="
                f"{chunk.n_frames}; expected shape [n_frames, {MOTION_WIDTH}]"
            )
        require_next("frames/rig", "first_frame", state.next_frame, chunk.first_frame)
        state.next_frame = chunk.first_frame + chunk.n_frames
        stamp = chunk.header.stamp_ns + chunk.n_frames * self.clock.timebase.frame_ns
        header = replace(chunk.header, end_of_stream=False)
        state.header = header.at(stamp)
        if not chunk.n_frames:
            return []
        frames = self._drawn(chunk, state)
        state.last = frames[-1]
        return [FrameChunk(header, frames, chunk.first_frame)]

    def _drawn(self, chunk: LatentBlock, state: RigState) -> U8:
        """The frames of a block, [T, H, W, 3]."""
        n_frames = chunk.n_frames
        due = frames_to_draw(chunk.first_frame, n_frames, state.every, state.last is not None)
        if not len(due):
            assert state.last is not None
            return np.broadcast_to(state.last, (n_frames, *state.last.shape))
        motion = torch.from_numpy(chunk.values[due])
        drawn = state.renderer.render(motion).cpu().numpy()
        return repeated(drawn, due, n_frames, state.last)

    def finish(self, state: RigState) -> list[FrameChunk]:
        """An empty chunk that ends the stream; the rig holds nothing back."""
        return [end_of_frames(state.header, state.next_frame, self.config.resolution)]


def _content(reference: Reference) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(reference.image).tobytes())
    if reference.landmarks is not None:
        digest.update(np.ascontiguousarray(reference.landmarks).tobytes())
    return digest.hexdigest()
