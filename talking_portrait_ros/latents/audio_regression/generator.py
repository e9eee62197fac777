"""The audio regression stage: features in, the motion of a talking and living face out.

The network makes the mouth, `IdleLife` the rest. The stage is strictly causal, one frame is one
block: all lookahead is in the features.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from talking_portrait_ros.chunks import F32, FeatureChunk, Header, LatentBlock, References
from talking_portrait_ros.features.log_mel.config import feature_space
from talking_portrait_ros.latents.audio_regression.config import AudioRegressionConfig
from talking_portrait_ros.latents.audio_regression.model import (
    SLOT_WIDTH,
    ArticulationNet,
    Caches,
)
from talking_portrait_ros.latents.audio_regression.mouth import Gate, heard_with, mouth_motion
from talking_portrait_ros.latents.idle import IdleLife, IdleState
from talking_portrait_ros.spaces import MOTION_ARKIT
from talking_portrait_ros.stage import Clock, require_next, require_space
from talking_portrait_ros.timebase import Timebase

SLOTS_PER_FRAME = 2
FRAME_WIDTH = SLOTS_PER_FRAME * SLOT_WIDTH
STRESS_RISE = 1.4  # rise of the loudness, in units of the features, that is stress 1
STRESS_FRAMES = 10.0  # frames over which the loudness is averaged for comparison


@dataclass
class AudioRegressionState:
    """Memory of one session.

    Attributes:
        caches: past of the convolutions, one [1, C, past] per block.
        idle: memory of the idle life.
        gate: how far the mouth may open.
        loudness: slow mean of the loudness.
        next_frame: frame that has to come next.
        header: header of the last chunk.
    """

    caches: Caches
    idle: IdleState
    gate: Gate
    loudness: float = 0.0
    next_frame: int = 0
    header: Header = field(default_factory=Header)


class AudioRegression:
    """Log-mel features to `motion/arkit-1`.

    Attributes:
        config: may be replaced while the stage runs; fields marked live take effect at once.
    """

    out_space = MOTION_ARKIT
    in_shape: tuple[int, ...] = (FRAME_WIDTH,)

    def __init__(
        self,
        config: AudioRegressionConfig,
        net: ArticulationNet,
        heard: tuple[float, float] | None = None,
    ) -> None:
        """A stage with a network.

        Args:
            config: settings.
            net: was trained for the lookahead of `config`.
            heard: probability of speech at which the mouth stays shut and opens freely; None:
                what suits the shipped networks.
        """
        self.config = config
        self.clock = Clock(Timebase())
        self.in_space = feature_space(config.lookahead_ms)
        self._heard = heard or heard_with(config.lookahead_ms)
        self._net = net.eval().requires_grad_(False)
        self._device = next(net.parameters()).device

    def start(self, references: References) -> AudioRegressionState:
        """A fresh state; the pictures do not matter here."""
        gate = Gate(self._heard)
        return AudioRegressionState(self._net.fresh_caches(), self._idle_life().start(), gate)

    def step(self, chunk: FeatureChunk, state: AudioRegressionState) -> list[LatentBlock]:
        """The motion of the frames of `chunk`.

        Raises:
            ValueError: another feature space or width, or the chunk does not follow the last one.
        """
        require_space("audio_regression", self.in_space, chunk.space)
        if chunk.values.shape[1:] != self.in_shape:
            raise ValueError(
                f"audio_regression: values are [T, {chunk.values.shape[1]}], expected "
                f"[T, {FRAME_WIDTH}] in {self.in_space}; use the log_mel features"
            )
        require_next("audio_regression", "first_frame", state.next_frame, chunk.first_frame)
        state.header = replace(chunk.header, end_of_stream=False)
        if not chunk.n_frames:
            return []
        motion = self._mouth(chunk, state) + self._idle(chunk, state)  # [T, 58]
        motion[:, :52] = motion[:, :52].clip(0.0, 1.0)
        state.next_frame += chunk.n_frames
        return [LatentBlock(state.header, MOTION_ARKIT, motion, chunk.first_frame, chunk.n_frames)]

    def finish(self, state: AudioRegressionState) -> list[LatentBlock]:
        """Nothing is inside: an empty block that ends the stream."""
        header = replace(state.header, end_of_stream=True)
        nothing = np.zeros((0, 58), np.float32)
        return [LatentBlock(header, MOTION_ARKIT, nothing, state.next_frame, 0)]

    def _mouth(self, chunk: FeatureChunk, state: AudioRegressionState) -> F32:
        slots = torch.from_numpy(chunk.values).to(self._device)
        slots = slots.reshape(1, -1, SLOT_WIDTH).transpose(1, 2)  # [1, 80, 2 T]
        made, state.caches = self._net(slots, state.caches)  # [1, 6, 2 T]
        per_frame = made.reshape(-1, chunk.n_frames, SLOTS_PER_FRAME).mean(dim=2)
        *articulators, _ = per_frame.cpu().numpy()  # each [T]; the last one helps training only
        gate = state.gate.follow(chunk.speech)
        return mouth_motion(np.stack(articulators, axis=1), gate, self.config.mouth)

    def _idle(self, chunk: FeatureChunk, state: AudioRegressionState) -> F32:
        stress = self._stress(chunk, state)
        return self._idle_life().step(chunk.first_frame, chunk.speech, stress, state.idle)

    def _idle_life(self) -> IdleLife:
        return IdleLife(self.config, self.clock.timebase.fps)

    def _stress(self, chunk: FeatureChunk, state: AudioRegressionState) -> F32:
        """How far each frame is louder than the speech before it, 0..1, [T]."""
        stress = np.empty(chunk.n_frames, np.float32)  # [T]
        for index, loudness in enumerate(chunk.values.mean(axis=1).tolist()):
            stress[index] = np.clip((loudness - state.loudness) / STRESS_RISE, 0.0, 1.0)
            state.loudness += (loudness - state.loudness) / STRESS_FRAMES
        return stress
