"""The reference-guided deep-compression causal VAE: encoder and decoder in one (S1, 3.1-3.2).

A clip of 1 + 4 n frames becomes 1 + n latent steps of 8 x 8 x 64 numbers at 512 x 512: 768 times
fewer. One to three pictures of the person supply what does not move. A clip may come in pieces:
after the first (1 + 4 n frames) each has 4 n frames, and a `Memory` joins them exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.decoder import Decoder, Painting, ReferenceCache
from talking_portrait_ros.frames.reference_vae.encoder import Encoder, Posterior
from talking_portrait_ros.frames.reference_vae.linear_path import LinearPath
from talking_portrait_ros.frames.reference_vae.warp import enlarge, look_up, mixed
from talking_portrait_ros.nn.causal import number_contexts
from talking_portrait_ros.nn.memory import Memory


@dataclass(frozen=True)
class Decoded:
    """A decoded clip.

    Attributes:
        frames: about 0..1, not clamped, [B, T, 3, H, W].
        coords: where each position looks in each reference, x and y in -1..1,
            [B, T, M, 2, h1, w1]; None without references or without a warp.
        weights: share of each reference, and last of the frame's own paint,
            [B, T, M + 1, h0, w0]; None as `coords`.
        base: the linear path's picture of each frame, [B, T, h1, w1, 3]; None without one.
    """

    frames: Tensor
    coords: Tensor | None
    weights: Tensor | None
    base: Tensor | None


class ReferenceVae(nn.Module):
    """Encoder, decoder and linear path. Pictures are float RGB about 0..1, [B, T, 3, H, W]."""

    def __init__(self, config: ReferenceVaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.linear = LinearPath(config) if config.base_stride else None
        if self.linear is not None:
            self.encoder.begin_silent()
        self._encoder_convs = number_contexts(self.encoder)
        self._decoder_convs = number_contexts(self.decoder)

    def encoder_memory(self, n_batch: int, height: int, width: int) -> Memory:
        """Memory for encoding a stream of pictures of this size in pieces."""
        return Memory([conv.context(n_batch, height, width) for conv in self._encoder_convs])

    def decoder_memory(self, n_batch: int, height: int, width: int) -> Memory:
        """Memory for decoding a stream of pictures of this size in pieces."""
        return Memory([conv.context(n_batch, height, width) for conv in self._decoder_convs])

    def encode(self, frames: Tensor, memory: Memory | None = None) -> Posterior:
        """Latents [B, T_z, C, h, w] of frames [B, T, 3, H, W].

        Raises:
            ValueError: T is not 1 + 4 n at the start of a stream, or not 4 n later.
        """
        _, posterior = self._encoded(frames, memory)
        _count(memory, posterior.mean)
        return posterior

    def encode_small(self, pictures: Tensor, memory: Memory | None = None) -> Tensor:
        """Latents [B, T_z, C, h, w] of shrunk pictures [B, T, 3, h, w], by the linear path alone.

        Raises:
            ValueError: the model has none.
        """
        if self.linear is None:
            raise ValueError("ReferenceVae: without a linear path (base_stride 0) only whole "
                             "pictures can be encoded")  # fmt: skip
        planes = pictures.permute(0, 1, 3, 4, 2).contiguous()
        latents = self.linear.encode(planes, memory).permute(0, 1, 4, 2, 3)
        _count(memory, latents)
        return latents

    @property
    def has_linear_latents(self) -> bool:
        """Latents are those of the linear path: the encoder adds nothing to them."""
        is_silent = all(not weight.any() for weight in self.encoder.leave.parameters())
        return self.linear is not None and is_silent

    def _encoded(self, frames: Tensor, memory: Memory | None) -> tuple[list[Tensor], Posterior]:
        """Features of all levels, and the latents."""
        features = self.encoder.features(frames, memory)
        posterior = self.encoder.posterior(features[-1])
        if self.linear is not None:
            small = functional.avg_pool2d(frames.flatten(0, 1), self.config.base_stride)
            small = small.permute(0, 2, 3, 1).contiguous().unflatten(0, frames.shape[:2])
            base = self.linear.encode(small, memory).permute(0, 1, 4, 2, 3)
            posterior = Posterior(posterior.mean + base, posterior.log_variance)
        return features, posterior

    def encode_references(self, references: Tensor) -> ReferenceCache:
        """What decoding needs of references [B, M, 3, H, W], M = 0..3; once per session."""
        if not references.shape[1]:
            return ReferenceCache((), None, None)
        shape = references.shape[:2]
        each = references.flatten(0, 1)[:, None]  # each a clip of one frame
        features, posterior = self._encoded(each, None)
        base = self._base(posterior.mean, None)
        pictures = references.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
        return self.decoder.read(
            [x[:, 0].unflatten(0, shape) for x in features],
            None if base is None else base[:, 0].unflatten(0, shape),
            pictures,
        )

    def paint(
        self, latents: Tensor, references: ReferenceCache, memory: Memory | None = None
    ) -> Painting:
        """Latents [B, T_z, C, h, w] decoded, before the references' pictures are laid in."""
        steps = latents.permute(0, 1, 3, 4, 2).contiguous()
        told = self.linear.told if self.linear is not None else torch.clone
        base = self._base(latents, memory)
        painting: Painting = self.decoder(steps, base, references, told, memory)
        _count(memory, latents)
        return painting

    def _base(self, latents: Tensor, memory: Memory | None) -> Tensor | None:
        """The linear path's pictures of latents [B, T_z, C, h, w]."""
        if self.linear is None:
            return None
        return self.linear.decode(latents.permute(0, 1, 3, 4, 2), memory)

    def decode(
        self, latents: Tensor, references: ReferenceCache, memory: Memory | None = None
    ) -> Decoded:
        """Frames of latents [B, T_z, C, h, w]."""
        painting = self.paint(latents, references, memory)
        return composed(painting, references, self.config.paint_stride)


def composed(painting: Painting, references: ReferenceCache, stride: int) -> Decoded:
    """A painting, enlarged `stride` times, with the references' moved pictures laid in."""
    warp, planes = painting.warp, painting.paint.permute(0, 1, 4, 2, 3)
    if painting.soft is not None:
        planes = planes + enlarge(painting.soft.permute(0, 1, 4, 2, 3), *planes.shape[-2:])
    frames = enlarge(planes, stride * planes.shape[-2], stride * planes.shape[-1])
    if warp is None or references.pictures is None:
        return Decoded(frames, None, None, painting.base)
    size = frames.shape[-2:]
    moved = look_up(references.pictures, enlarge(warp.coords, *size))
    frames = frames + mixed(moved, enlarge(warp.weights, *size)).permute(0, 1, 4, 2, 3)
    return Decoded(frames, warp.coords, warp.weights, painting.base)


def _count(memory: Memory | None, latents: Tensor) -> None:
    if memory is not None:
        memory.n_steps += latents.shape[1]
