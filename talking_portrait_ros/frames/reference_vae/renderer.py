"""The frames stage of the family: blocks of video latents in, frames out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from talking_portrait_ros.chunks import U8, FrameChunk, Header, LatentBlock, References
from talking_portrait_ros.frames.portrait import crop_face
from talking_portrait_ros.frames.reference_vae.compositing import Compositor, compositor_for
from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.decoder import Painting, ReferenceCache
from talking_portrait_ros.frames.reference_vae.fast import FastPainter
from talking_portrait_ros.frames.reference_vae.load import build_model
from talking_portrait_ros.frames.thinning import frames_to_draw, repeated
from talking_portrait_ros.nn.memory import Memory
from talking_portrait_ros.nn.recorded import bfloat16_weights, in_bfloat16
from talking_portrait_ros.stage import (
    Clock,
    Rung,
    end_of_frames,
    require_next,
    require_space,
    require_steps,
)
from talking_portrait_ros.timebase import Timebase

STAGE = "frames/reference_vae"
# Frames of a step and latent steps of which one is drawn, and the cost: a quarter of it lays the
# references in, frame by frame; the rest is the network, step by step.
THINNED = {
    Rung("every frame is drawn", 1.0): (1, 1),
    Rung("every second frame is drawn", 0.87): (2, 1),
    Rung("every second latent step is drawn", 0.5): (1, 2),
    Rung("every fourth latent step is drawn", 0.25): (1, 4),
}
# Frames painted together, where a latent step is one frame: PyTorch needs a quarter less time for
# each, and the first is there long before the second is due.
PAINTED_TOGETHER = 2


@dataclass
class DecoderState:
    """One session: the references, what the convolutions remember, where the stream stands.

    Every `every`-th frame is drawn of every `every_step`-th latent step; the others are repeated.
    """

    references: ReferenceCache
    compositor: Compositor
    memory: Memory
    painter: FastPainter | None = None  # for `fast`
    next_frame: int = 0
    header: Header = field(default_factory=Header)
    every: int = 1
    every_step: int = 1
    n_steps: int = 0
    last: U8 | None = None  # [H, W, 3]


class ReferenceVaeDecoder:
    """Decodes `video/ref-vae-*` with the pictures of the person at hand."""

    out_space = ""

    def __init__(self, config: ReferenceVaeConfig, device: str = "cpu") -> None:
        """A decoder on `device`.

        Raises:
            ValueError: the weights are missing or belong to another config.
        """
        self.config = config
        self.device = torch.device(device)
        self.model = build_model(config, device)
        if config.fast:
            bfloat16_weights(self.model)
        self.in_space = config.space
        side = config.latent_size
        self.in_shape = (config.latent_channels, side, side)
        several = config.time_factor > 1
        steps = Timebase(frames_per_latent_step=config.time_factor, first_step_alone=several)
        self.clock = Clock(steps)
        self.rungs = tuple(rung for rung, (every, _) in THINNED.items() if every == 1 or several)
        self._steps_together = max(1, PAINTED_TOGETHER // config.time_factor)

    @torch.inference_mode()
    def start(self, references: References) -> DecoderState:
        """A session; all its pictures are cropped to the face and encoded here, once.

        Raises:
            ValueError: no usable face in a picture; names the remedy.
        """
        size = self.config.resolution
        chosen = references.items[: self.config.max_references]
        crops = [crop_face(item, size).image for item in chosen]
        pictures = np.stack(crops) if crops else np.zeros((0, size, size, 3), np.uint8)
        with in_bfloat16(self.device) if self.config.fast else nullcontext():
            cache = self.model.encode_references(as_floats(pictures, self.device)[None])
        compositor = compositor_for(pictures, cache, self.config.paint_stride, self.device)
        memory = self.model.decoder_memory(1, size, size)
        painter = FastPainter(self.model, cache, memory) if self.config.fast else None
        return DecoderState(cache, compositor, memory, painter)

    def step(self, chunk: LatentBlock, state: DecoderState) -> list[FrameChunk]:
        """The frames of a block of any number of latent steps.

        Raises:
            ValueError: another space, a wrong shape, or a block that does not continue the stream.
        """
        parts = list(self.stream(chunk, state))
        if not parts:
            return []
        frames = np.concatenate([part.frames for part in parts])
        return [replace(parts[0], frames=frames)]

    def stream(self, chunk: LatentBlock, state: DecoderState) -> Iterator[FrameChunk]:
        """As `step`, but each picture as soon as it is there."""
        require_space(STAGE, self.in_space, chunk.space)
        if chunk.values.shape[1:] != self.in_shape:
            raise ValueError(
                f"{STAGE}: LatentBlock.values is {chunk.values.shape}; expected shape "
                f"[T_z, {', '.join(map(str, self.in_shape))}]"
            )
        require_next(STAGE, "first_frame", state.next_frame, chunk.first_frame)
        require_steps(STAGE, self.clock.timebase, chunk)
        state.next_frame = chunk.first_frame + chunk.n_frames
        stamp = chunk.header.stamp_ns + chunk.n_frames * self.clock.timebase.frame_ns
        header = replace(chunk.header, end_of_stream=False)
        state.header = header.at(stamp)
        if not chunk.n_frames:
            return iter(())
        return self._streamed(chunk.with_header(header), state)

    @torch.inference_mode()
    def _streamed(self, chunk: LatentBlock, state: DecoderState) -> Iterator[FrameChunk]:
        latents = torch.from_numpy(np.ascontiguousarray(chunk.values)).to(self.device)[None]
        frame, n_left = chunk.first_frame, chunk.n_frames
        for steps in latents.split(self._steps_together * state.every_step, dim=1):
            for pictures in self._decode(steps, state):
                shown = pictures[:n_left]
                behind_ns = (frame - chunk.first_frame) * self.clock.timebase.frame_ns
                header = chunk.header.at(chunk.header.stamp_ns + behind_ns)
                if len(shown):
                    yield FrameChunk(header, shown, frame)
                frame, n_left = frame + len(shown), n_left - len(shown)

    def set_rung(self, state: DecoderState, rung: int) -> None:
        """Draw less; what is not drawn repeats the picture before it.

        A step that is not painted is not remembered either: the next one that is follows the
        last one that was.
        """
        state.every, state.every_step = THINNED[self.rungs[rung]]

    def _decode(self, latents: Tensor, state: DecoderState) -> Iterator[U8]:
        """The frames of latent steps [1, S, ...] painted together, in pieces [n, H, W, 3].

        What repeats the picture before is there at once, without waiting for the paint.
        """
        n_steps, first_step = latents.shape[1], state.n_steps
        due = frames_to_draw(first_step, n_steps, state.every_step, state.last is not None)
        state.n_steps += n_steps
        painting, first = None, 0
        for step in range(n_steps):
            n_frames = self.config.time_factor if first_step + step else 1
            if step not in due:
                assert state.last is not None
                yield np.broadcast_to(state.last, (n_frames, *state.last.shape))
                continue
            if painting is None:
                painting = self._painted(latents[:, due], state)
            yield from self._drawn(painting, first, n_frames, state)
            first += n_frames

    def _painted(self, latents: Tensor, state: DecoderState) -> Painting:
        if state.painter is not None:
            return state.painter.paint(latents)
        return self.model.paint(latents, state.references, state.memory)

    def _drawn(
        self, painting: Painting, start: int, n_frames: int, state: DecoderState
    ) -> Iterator[U8]:
        """One latent step, `n_frames` of the painting; one by one or, on a GPU, all at once."""
        at_once = n_frames if self.device.type == "cuda" else 1
        for first in range(0, n_frames, at_once):
            due = frames_to_draw(first, at_once, state.every, has_picture=state.last is not None)
            drawn = state.compositor.frames(painting.only(start + first + due))
            frames = repeated(drawn, due, at_once, state.last)
            state.last = frames[-1]
            yield frames

    def finish(self, state: DecoderState) -> list[FrameChunk]:
        """An empty chunk that ends the stream; nothing is held back."""
        return [end_of_frames(state.header, state.next_frame, self.config.resolution)]


def as_floats(frames: U8, device: torch.device | str) -> Tensor:
    """uint8 [T, H, W, 3] as float 0..1 [T, 3, H, W]."""
    return torch.from_numpy(frames).to(device).permute(0, 3, 1, 2).float() / 255
