"""Makes the material: renders clips of a corpus, encodes them, and listens to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from talking_portrait_ros.chunks import (
    F32,
    AudioChunk,
    FeatureChunk,
    Header,
    Reference,
    References,
)
from talking_portrait_ros.features.log_mel import FAMILY as LOG_MEL
from talking_portrait_ros.features.log_mel.config import LogMelConfig
from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.load import build_model
from talking_portrait_ros.latents.audio_regression.config import AudioRegressionConfig
from talking_portrait_ros.latents.block_rectified_flow.draft import drafted, drawn_px, shrunk
from talking_portrait_ros.latents.block_rectified_flow.guide import build_guide
from talking_portrait_ros.stage_specs import frames_spec
from talking_portrait_ros.training.block_flow.material import Material, joined
from talking_portrait_ros.training.corpus.config import CorpusConfig
from talking_portrait_ros.training.corpus.corpus import Corpus

# A generator's world: the camera stands still, the light stays, the portrait shows a face at rest.
LIVE = CorpusConfig(
    oversampling=1, speech=0.85, wild=0.0, still=0.1, pose=0.7, expression=0.7, camera=0.3,
    drift=0.0,
    light=0.0, grey=0.0, blur=0.0, noise=0.0, jpeg=0.0, rest=1.0,
)  # fmt: skip
_NOBODY = References((Reference(np.zeros((8, 8, 3), np.uint8)),))


class Listener:
    """Features of a sound, and the mouth that the guide makes of it."""

    def __init__(self, lookahead_ms: int, lips: str) -> None:
        """`lips` names the weights whose lip nets join the guide; "" for none."""
        self._features = LOG_MEL.build(LogMelConfig(lookahead_ms=lookahead_ms), "cpu")
        mouth_alone = AudioRegressionConfig(
            lookahead_ms=lookahead_ms, blink=0, gaze=0, breathing=0, head=0, brow=0, smile=0
        )
        self._guide = build_guide(mouth_alone, lips, "cpu")

    def hear(self, samples: F32) -> tuple[FeatureChunk, F32]:
        """Of samples [640 T]: T frames of features, and motion [T, 58] of the mouth alone."""
        features = self._features
        state = features.start(_NOBODY)
        chunk = AudioChunk(Header(), samples, features.clock.timebase.sample_rate_hz, 0)
        parts = features.step(chunk, state) + features.finish(state)
        heard = FeatureChunk(
            Header(), parts[0].space, np.concatenate([part.values for part in parts]),
            np.concatenate([part.speech for part in parts]), 0,
        )  # fmt: skip
        return heard, self._guide.step(heard, self._guide.start(_NOBODY))[0].values


class Encoder:
    """Clips of a corpus as material."""

    def __init__(
        self, pack: str, frames: str, n_frames: int, rendered_px: int, listener: Listener,
        device: str,
    ) -> None:  # fmt: skip
        """Clips of the pack at `pack` for the VAE of the frames preset `frames`."""
        spec = frames_spec(frames)
        if spec.family != "reference_vae":
            raise ValueError(f"frames={frames!r} is {spec.family}; choose a reference_vae")
        self.vae_config = ReferenceVaeConfig.from_dict(spec.options)
        per_step = self.vae_config.time_factor
        if (n_frames - 1) % per_step:
            raise ValueError(f"length={n_frames}: must be 1 + {per_step} n")
        self._vae = build_model(self.vae_config, device)
        self._corpus = Corpus.load(pack, device, LIVE)
        self._n_frames, self._rendered_px = n_frames, rendered_px
        self._listener = listener
        self._device = device

    def clip(self, seed: int) -> Material:
        """One clip."""
        clip = self._corpus.clip(seed, self._rendered_px, self._n_frames)
        heard, mouth = self._listener.hear(clip.samples.cpu().numpy())
        life = (clip.motion - clip.mouth).cpu()
        guide = torch.from_numpy(mouth) + life
        guide[:, :52] = guide[:, :52].clamp(0, 1)
        references = self._encoded(clip.references[:, None])[:, 0]
        features, speech = torch.from_numpy(heard.values), torch.from_numpy(heard.speech)
        latents, draft = self._encoded(clip.frames[None])[0], self._drafted(seed, guide)
        tensors = (latents, references, draft, features, speech, guide)
        return Material(*(tensor[None].half() for tensor in tensors), vae=self.vae_config.weights)

    def _drafted(self, seed: int, guide: Tensor) -> Tensor:
        """Latents [S, C, h, w] of the clip as the guide [T, 58] would move it."""
        if not self.vae_config.base_stride:  # no linear path: whole pictures through the encoder
            return self._encoded(self._corpus.acted(seed, self._rendered_px, guide)[None])[0]
        pictures = self._corpus.acted(seed, drawn_px(self.vae_config), guide)
        pictures = pictures.permute(0, 2, 3, 1).to(self._device)
        return drafted(pictures, self._vae, None)[0].cpu()

    @torch.inference_mode()
    def _encoded(self, clips: Tensor) -> Tensor:
        """Latents [B, S, C, h, w] of pictures [B, T, 3, H, W] in bytes; a group at a time."""
        if clips.shape[-1] == drawn_px(self.vae_config) and self._vae.has_linear_latents:
            planes = shrunk(clips.flatten(0, 1).to(self._device).float() / 255, self.vae_config)
            return self._vae.encode_small(planes.unflatten(0, clips.shape[:2])).cpu()
        size, n_batch = self.vae_config.resolution, len(clips)
        memory = self._vae.encoder_memory(n_batch, size, size)
        edges = [0, *range(1, clips.shape[1] + 1, self.vae_config.time_factor)]
        parts = []
        for first, last in zip(edges, edges[1:], strict=False):
            planes = clips[:, first:last].flatten(0, 1).to(self._device).float() / 255
            if planes.shape[-1] != size:
                planes = functional.interpolate(planes, (size, size), mode="bilinear")
            parts.append(self._vae.encode(planes.unflatten(0, (n_batch, -1)), memory).mean)
        return torch.cat(parts, dim=1).cpu()


def encode_corpus(
    encoder: Encoder, folder: Path, n_clips: int, shard_clips: int, first_seed: int
) -> Iterator[int]:
    """Write shards of clips `first_seed`, `first_seed + 1`, ...; yields how many are done.

    Shards that are there already are not made again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for first in range(0, n_clips, shard_clips):
        seeds = range(first_seed + first, first_seed + min(first + shard_clips, n_clips))
        path = folder / f"seed_{seeds[0]:010d}_x{len(seeds)}.safetensors"
        if not path.is_file():
            parts = []
            for k, seed in enumerate(seeds):
                parts.append(encoder.clip(seed))
                yield first + k
            joined(parts).save(path)
        yield first + len(seeds)
