"""The stage: features of two voices in, the motion of one face out, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from talking_portrait_ros.chunks import F32, FeatureChunk, Header, LatentBlock, References
from talking_portrait_ros.features.causal_speech.config import LOOKAHEADS_MS
from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.latents.ar_flow_matching.live_ears import EarRings, LiveEars
from talking_portrait_ros.latents.ar_flow_matching.live_lips import LipsState, LiveLips
from talking_portrait_ros.latents.ar_flow_matching.model import ArFlow
from talking_portrait_ros.latents.ar_flow_matching.sampler import Past, Sampler, frame_noise
from talking_portrait_ros.latents.ar_flow_matching.shown import (
    bounded,
    calmed,
    shown,
    voted,
)
from talking_portrait_ros.latents.audio_regression.mouth import Gate, heard_with
from talking_portrait_ros.latents.direction import Director, Steering
from talking_portrait_ros.latents.idle import IdleLife, IdleState
from talking_portrait_ros.spaces import MOTION_ARKIT, MOTION_WIDTH
from talking_portrait_ros.stage import Clock, require_next, require_space
from talking_portrait_ros.timebase import Timebase

STAGE = "ar_flow_matching"


@dataclass
class ArFlowState:
    """Memory of one session.

    Attributes:
        rings: past of the ears.
        lips: memory of the lip nets, if there are any.
        past: what has been made.
        gate: how far the mouth may open.
        idle: memory of the idle life.
        steering: the way towards what people ask for.
        calm: the frame before, before idle life and wishes, [58].
        next_frame: frame that has to come next.
        header: header of the last chunk.
    """

    rings: EarRings
    lips: LipsState | None
    past: Past
    gate: Gate
    idle: IdleState
    steering: Steering = field(default_factory=Steering)
    calm: F32 | None = None
    next_frame: int = 0
    header: Header = field(default_factory=Header)


class ArFlowMatching:
    """`causal_speech` features to `motion/arkit-1`, one frame per step.

    Attributes:
        director: where people ask the face to look, and what to feel; any thread may.
    """

    out_space = MOTION_ARKIT

    def __init__(self, config: ArFlowMatchingConfig, model: ArFlow) -> None:
        self.config = config
        self.director = Director()
        self.clock = Clock(Timebase())
        self.in_space = config.feature_space
        self.in_shape: tuple[int, ...] = (config.feature_width,)
        self._device = next(model.parameters()).device
        with torch.inference_mode():
            self._sampler = Sampler(model)
            self._ears = LiveEars(model.ears, LOOKAHEADS_MS.index(config.lookahead_ms))
        self._lips = None if model.lips is None else LiveLips(model.lips, config.lookahead_ms)

    @property
    def config(self) -> ArFlowMatchingConfig:
        """May be replaced while the stage runs; fields marked live take effect at once."""
        return self._config

    @config.setter
    def config(self, config: ArFlowMatchingConfig) -> None:
        self._config = config
        # Blinks and brows are the network's; the idle life has the rest.
        self._life = IdleLife(config.replace(blink=0.0, brow=0.0), Timebase().fps)

    @torch.inference_mode()
    def start(self, references: References) -> ArFlowState:
        """A session at rest: the anchor is the reference, whose motion is zero by definition."""
        rest = torch.zeros(1, MOTION_WIDTH, device=self._device)
        gate = Gate(heard_with(self.config.lookahead_ms))
        past = self._sampler.start(rest, self.config)
        lips = self._lips.start() if self._lips is not None else None
        return ArFlowState(self._ears.start(), lips, past, gate, self._life.start())

    @torch.inference_mode()
    def step(self, chunk: FeatureChunk, state: ArFlowState) -> list[LatentBlock]:
        """The motion of the frames of `chunk`.

        Raises:
            ValueError: another feature space or width, or the chunk does not follow the last one.
        """
        require_space(STAGE, self.in_space, chunk.space)
        if chunk.values.shape[1:] != self.in_shape:
            raise ValueError(
                f"{STAGE}: values are [T, {chunk.values.shape[1]}], expected "
                f"[T, {self.in_shape[0]}] in {self.in_space}; use the causal_speech features"
            )
        require_next(STAGE, "first_frame", state.next_frame, chunk.first_frame)
        state.header = replace(chunk.header, end_of_stream=False)
        if not chunk.n_frames:
            return []
        gates = state.gate.follow(chunk.speech)
        rows = [
            self._frame(values, float(speech), float(gate), state)
            for values, speech, gate in zip(chunk.values, chunk.speech, gates, strict=True)
        ]
        return [LatentBlock(state.header, MOTION_ARKIT, np.stack(rows), chunk.first_frame,
                            chunk.n_frames)]  # fmt: skip

    def finish(self, state: ArFlowState) -> list[LatentBlock]:
        """Nothing is inside: an empty block that ends the stream."""
        header = replace(state.header, end_of_stream=True)
        nothing = np.zeros((0, MOTION_WIDTH), np.float32)
        return [LatentBlock(header, MOTION_ARKIT, nothing, state.next_frame, 0)]

    def _frame(self, values: F32, speech: float, gate: float, state: ArFlowState) -> F32:
        """The motion of the next frame as it is shown, [58]."""
        config = self.config
        heard = torch.from_numpy(values).to(self._device)
        voices = self._ears.hear(heard, speech, state.rings)
        noise = frame_noise(config.seed, state.next_frame, config.codes).to(self._device)
        motion = self._sampler.frame(voices, state.past, noise, config)[0].float().cpu().numpy()
        row = shown(motion, gate, config)
        if self._lips is not None and state.lips is not None:
            mouth = self._lips.mouth(heard, speech, motion, config.mouth, state.lips)
            row = voted(row, mouth, self._lips.n_nets)
        row = calmed(row, state.calm)
        state.calm = row.copy()
        row += np.float32(config.idle) * self._idle(speech, state)
        state.steering.follow(row, self.director.wish)
        state.next_frame += 1
        return bounded(row)

    def _idle(self, speech: float, state: ArFlowState) -> F32:
        """Drift, breathing and fixations of the next frame, [58]."""
        said, stress = np.array([speech], np.float32), np.zeros(1, np.float32)
        motion: F32 = self._life.step(state.next_frame, said, stress, state.idle)[0]
        return motion
