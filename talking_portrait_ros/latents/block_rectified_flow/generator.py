"""The stage: features in, blocks of video latents out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from talking_portrait_ros.chunks import F32, FeatureChunk, Header, LatentBlock, References
from talking_portrait_ros.frames.portrait import crop_face
from talking_portrait_ros.frames.reference_vae.model import ReferenceVae
from talking_portrait_ros.frames.reference_vae.renderer import as_floats
from talking_portrait_ros.latents.audio_regression.generator import (
    AudioRegression,
    AudioRegressionState,
)
from talking_portrait_ros.latents.audio_regression.model import Caches
from talking_portrait_ros.latents.block_rectified_flow.config import BlockRectifiedFlowConfig
from talking_portrait_ros.latents.block_rectified_flow.draft import Drafter, DraftState
from talking_portrait_ros.latents.block_rectified_flow.fast import FastBlockFlow
from talking_portrait_ros.latents.block_rectified_flow.model import BlockFlow
from talking_portrait_ros.latents.block_rectified_flow.sampler import Past, Sampler, block_noise
from talking_portrait_ros.stage import Clock, Rung, require_next, require_space
from talking_portrait_ros.timebase import Timebase

STAGE = "block_rectified_flow"
_HEARD_TOGETHER = 4  # frames at most; the guide and its drawings cost half as much as one by one


@dataclass
class FlowState:
    """One session.

    Attributes:
        past: references and newest steps.
        caches: past of the speech encoder.
        guide: memory of the guide; None without one.
        unheard: features that have come and wait for others.
        waiting: what the frames tell that no block has drawn yet, [1, n, width].
        draft: the guide's drawings; None without them.
        known: frames whose features have come.
        sent: frames whose latents have gone.
        header: header that frame `sent` has.
        denoise_steps: Euler steps per block; None for as many as the config says.
    """

    past: Past
    caches: Caches
    guide: AudioRegressionState | None
    waiting: Tensor
    draft: DraftState | None = None
    unheard: list[FeatureChunk] = field(default_factory=list)
    known: int = 0
    sent: int = 0
    header: Header = field(default_factory=Header)
    denoise_steps: int | None = None


class BlockRectifiedFlow:
    """Log-mel features to the latents of a reference VAE, a block at a time."""

    def __init__(
        self,
        config: BlockRectifiedFlowConfig,
        model: BlockFlow,
        vae: ReferenceVae,
        guide: AudioRegression | None,
        drafter: Drafter | None,
    ) -> None:
        """`vae` encodes the references; guide and drafter are there where `config` asks for it."""
        self._config = config
        self._vae, self._guide, self._drafter = vae, guide, drafter
        self._model = model
        self._sampler = Sampler(model, network=FastBlockFlow(model) if config.fast else None)
        self._device = next(model.parameters()).device
        self._follow()
        steps = Timebase(
            frames_per_latent_step=config.frames_per_step,
            latent_steps_per_block=config.block_steps,
            first_step_alone=config.frames_per_step > 1,
        )  # fmt: skip
        self.clock = Clock(steps)
        self.in_space = config.feature_space
        self.in_shape: tuple[int, ...] = (config.feature_width,)
        self.out_space = config.space

    @property
    def config(self) -> BlockRectifiedFlowConfig:
        """May be replaced while the stage runs; fields marked live take effect at once."""
        return self._config

    @config.setter
    def config(self, config: BlockRectifiedFlowConfig) -> None:
        self._config = config
        self._follow()

    def _follow(self) -> None:
        """Let the guide live as the config says."""
        if self._guide is None:
            return
        live = ("seed", "blink", "gaze", "breathing", "head", "brow", "smile", "mouth")
        self._guide.config = self._guide.config.replace(
            **{name: getattr(self._config, name) for name in live}
        )

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Fewer denoising steps; a pass that commits the block comes on top of them."""
        n_commits = int(self.config.commit == "clean")
        all_passes = self.config.denoise_steps + n_commits
        return tuple(
            Rung(f"{n} denoising steps", (n + n_commits) / all_passes)
            for n in range(self.config.denoise_steps, 0, -1)
        )

    def set_rung(self, state: FlowState, rung: int) -> None:
        """Take `rung` denoising steps less."""
        state.denoise_steps = self.config.denoise_steps - rung

    @torch.inference_mode()
    def start(self, references: References) -> FlowState:
        """A session; its pictures are cropped to the face and encoded here, once.

        Raises:
            ValueError: no usable face in a picture; names the remedy.
        """
        past = self._sampler.start(self._encoded(references))
        guide = self._guide.start(references) if self._guide is not None else None
        caches = self._model.sound.fresh_caches()
        waiting = torch.zeros(1, 0, 0, device=self._device)
        draft = self._drafter.start(references.first) if self._drafter is not None else None
        return FlowState(past, caches, guide, waiting, draft)

    @torch.inference_mode()
    def step(self, chunk: FeatureChunk, state: FlowState) -> list[LatentBlock]:
        """The blocks that the frames of `chunk` complete.

        Raises:
            ValueError: another feature space or width, or the chunk does not follow the last one.
        """
        require_space(STAGE, self.in_space, chunk.space)
        if chunk.values.shape[1:] != self.in_shape:
            raise ValueError(
                f"{STAGE}: values are [T, {chunk.values.shape[1]}], expected "
                f"[T, {self.in_shape[0]}] in {self.in_space}; use features of that space"
            )
        require_next(STAGE, "first_frame", state.known, chunk.first_frame)
        timebase = self.clock.timebase
        behind_ns = (chunk.first_frame - state.sent) * timebase.frame_ns
        header = replace(chunk.header, end_of_stream=False)
        state.header = header.at(chunk.header.stamp_ns - behind_ns)
        if not chunk.n_frames:
            return []
        state.unheard.append(chunk)
        state.known += chunk.n_frames
        blocks = []
        while (end := timebase.block_end(state.sent)) <= state.known:
            self._hear(state)
            blocks.append(self._block(end, state))
        if sum(each.n_frames for each in state.unheard) >= _HEARD_TOGETHER:
            self._hear(state)
        return blocks

    @torch.inference_mode()
    def finish(self, state: FlowState) -> list[LatentBlock]:
        """The frames of the block that is not complete; it ends the stream."""
        header = replace(state.header, end_of_stream=True)
        n_left = state.known - state.sent
        if not n_left:
            side = self.config.latent_size
            nothing = np.zeros((0, self.config.latent_channels, side, side), np.float32)
            return [LatentBlock(header, self.out_space, nothing, state.sent, 0)]
        timebase = self.clock.timebase
        self._hear(state)
        n_missing = timebase.block_end(state.sent) - state.known
        held = state.waiting[:, -1:].expand(-1, n_missing, -1)
        state.waiting = torch.cat([state.waiting, held], dim=1)
        block = self._block(state.known, state)
        return [block.with_header(header)]

    def _encoded(self, references: References) -> Tensor:
        """Latents of the pictures, [1, M, C, h, w]."""
        size = self._vae.config.resolution
        chosen = references.items[: self.config.max_references]
        pictures = np.stack([crop_face(item, size).image for item in chosen])
        each = as_floats(pictures, self._device)[:, None]  # each a clip of one frame
        latents = self._vae.encode(each).mean  # [M, 1, C, h, w]
        return latents.transpose(0, 1)

    def _hear(self, state: FlowState) -> None:
        """What the unheard frames tell joins what waits."""
        if not state.unheard:
            return
        chunk = _joined(state.unheard)
        state.unheard = []
        sound = self._model.sound
        own = np.ascontiguousarray(chunk.values[:, : self.config.heard_width])
        values = torch.from_numpy(own).to(self._device)[None]
        speech = torch.from_numpy(chunk.speech).to(self._device)[None]
        heard = sound.hear(values, state.caches)
        motion = self._guidance(chunk, state)
        if self._drafter is not None and state.draft is not None and motion is not None:
            self._drafter.take(motion[0], state.draft)
        told = sound.frames(heard, speech, motion)
        waits = state.waiting.shape[1]
        state.waiting = torch.cat([state.waiting, told], dim=1) if waits else told

    def _guidance(self, chunk: FeatureChunk, state: FlowState) -> Tensor | None:
        """The guide's motion, [1, T, 58]."""
        if self._guide is None or state.guide is None:
            return None
        motion: list[F32] = [block.values for block in self._guide.step(chunk, state.guide)]
        return torch.from_numpy(np.concatenate(motion)).to(self._device)[None]

    def _block(self, end: int, state: FlowState) -> LatentBlock:
        """The latents up to frame `end`, which may lie within the block."""
        config, timebase = self.config, self.clock.timebase
        n_told = timebase.block_end(state.sent) - state.sent
        has_first = state.sent == 0
        sound = self._model.sound.steps(state.waiting[:, :n_told], has_first)
        shape = (1, config.block_steps, config.latent_channels,
                 config.latent_size, config.latent_size)  # fmt: skip
        noise = block_noise(config.seed, state.past.block, shape).to(self._device)
        draft = None
        if self._drafter is not None and state.draft is not None:
            draft = self._drafter.coded(n_told, state.draft)
        latents = self._sampler.block(
            sound, state.past, noise, has_first, state.denoise_steps, draft
        )[0]
        first_step = timebase.steps_of_frames(state.sent)
        n_steps = timebase.steps_of_frames(end) - first_step
        n_frames = end - state.sent
        values = latents[:n_steps].float().cpu().numpy()
        block = LatentBlock(state.header, self.out_space, values, state.sent, n_frames)
        state.waiting = state.waiting[:, n_told:].clone()
        state.sent = end
        state.header = state.header.at(state.header.stamp_ns + n_frames * timebase.frame_ns)
        return block


def _joined(chunks: list[FeatureChunk]) -> FeatureChunk:
    return replace(
        chunks[0],
        values=np.concatenate([chunk.values for chunk in chunks]),
        speech=np.concatenate([chunk.speech for chunk in chunks]),
    )
