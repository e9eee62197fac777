"""Frames through the reference-guided VAE and back, as a stream: any length in the same memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from talking_portrait_ros.chunks import F32, U8
from talking_portrait_ros.evaluation.fidelity import Fidelity
from talking_portrait_ros.frames.reference_vae.compositing import compositor_for
from talking_portrait_ros.frames.reference_vae.model import ReferenceVae
from talking_portrait_ros.frames.reference_vae.renderer import as_floats


class Stopwatch:
    """Time per frame of one direction; the first step, which also warms up, is left out."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._spent_s = self._started_s = 0.0
        self._n_frames = self._n_steps = 0

    def start(self) -> None:
        """Before a step."""
        self._started_s = self._now_s()

    def stop(self, n_frames: int) -> None:
        """After a step of `n_frames`."""
        if self._n_steps:
            self._spent_s += self._now_s() - self._started_s
            self._n_frames += n_frames
        self._n_steps += 1

    @property
    def ms_per_frame(self) -> float:
        """Mean over the steps after the first; 0 where there was none."""
        return 1000 * self._spent_s / max(1, self._n_frames)

    def _now_s(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return perf_counter()


class VaeEncoder:
    """Frames in, latents out: frame 0 alone or with four more each, later four at a time."""

    def __init__(self, model: ReferenceVae) -> None:
        self._model, self._device = model, device_of(model)
        size = model.config.resolution
        with torch.inference_mode():
            self.memory = model.encoder_memory(1, size, size)
        self.watch = Stopwatch(self._device)

    @torch.inference_mode()
    def step(self, frames: U8) -> Tensor:
        """Latents [1, T_z, C, h, w] of uint8 RGB frames [T, H, W, 3]: the posterior's mean."""
        self.watch.start()
        latents = self._model.encode(as_floats(frames, self._device)[None], self.memory).mean
        self.watch.stop(len(frames))
        return latents


class VaeDecoder:
    """Latents in, frames out as the live stage makes them, beside references read once."""

    def __init__(self, model: ReferenceVae, references: Sequence[U8]) -> None:
        """Read the references: uint8 RGB, 0 to 3 of them, as large as the frames."""
        self._model, device = model, device_of(model)
        size = model.config.resolution
        pictures = np.stack([np.zeros((size, size, 3), np.uint8), *references])[1:]
        with torch.inference_mode():
            self._cache = model.encode_references(as_floats(pictures, device)[None])
            self.memory = model.decoder_memory(1, size, size)
        self._compositor = compositor_for(pictures, self._cache, model.config.paint_stride, device)
        self.watch = Stopwatch(device)

    @torch.inference_mode()
    def step(self, latents: Tensor) -> U8:
        """Frames of latents [1, T_z, C, h, w], uint8 RGB [T, H, W, 3]."""
        self.watch.start()
        painting = self._model.paint(latents, self._cache, self.memory)
        frames = self._compositor.frames(painting)
        self.watch.stop(len(frames))
        return frames


@dataclass(frozen=True)
class Figures:
    """What a reconstruction measured; see `Fidelity` for the first two."""

    psnr_db: float
    ssim: float
    compression_ratio: float
    encode_ms: float
    decode_ms: float
    n_frames: int
    references: int

    def to_dict(self) -> dict[str, Any]:
        """By name."""
        return asdict(self)


class Reconstruction:
    """One clip, encoded and decoded as it comes, and measured on the way."""

    def __init__(
        self,
        model: ReferenceVae,
        references: Sequence[U8],
        ssim_every: int = 1,
        kept: list[F32] | None = None,
    ) -> None:
        """Begin; references as for `VaeDecoder`, `ssim_every` as for `Fidelity`.

        The latents, [T_z, C, h, w] each, are added to `kept` where that is given.
        """
        self._kept = kept
        self._ratio = model.config.compression_ratio
        self._time_factor = model.config.time_factor
        self._n_references = len(references)
        self._encoder, self._decoder = VaeEncoder(model), VaeDecoder(model, references)
        self._fidelity = Fidelity(ssim_every)

    def run(self, frames: Iterable[U8]) -> Iterator[tuple[U8, U8]]:
        """Each frame (uint8 RGB) and what is decoded for it."""
        for group, n_frames in grouped(frames, self._time_factor):
            latents = self._encoder.step(group)
            if self._kept is not None:
                self._kept.append(latents[0].cpu().numpy())
            decoded = self._decoder.step(latents)
            self._fidelity.add(group[:n_frames], decoded[:n_frames])
            yield from zip(group[:n_frames], decoded[:n_frames], strict=True)

    @property
    def state_bytes(self) -> int:
        """What encoder and decoder remember of the past."""
        memories = (self._encoder.memory, self._decoder.memory)
        return sum(context.nbytes for memory in memories for context in memory.contexts)

    def figures(self) -> Figures:
        """The figures of the frames so far."""
        return Figures(
            self._fidelity.psnr_db,
            self._fidelity.ssim,
            self._ratio,
            self._encoder.watch.ms_per_frame,
            self._decoder.watch.ms_per_frame,
            self._fidelity.n_frames,
            self._n_references,
        )


def grouped(frames: Iterable[U8], time_factor: int) -> Iterator[tuple[U8, int]]:
    """Frames as latent steps take them: the first alone, then `time_factor` at a time.

    Yields:
        uint8 [T, H, W, 3] and how many of them there were; the last frame is repeated where the
        last step wants more.
    """
    stream = iter(frames)
    wanted = 1
    while group := list(islice(stream, wanted)):
        n_frames = len(group)
        yield np.stack(group + [group[-1]] * (wanted - n_frames)), n_frames
        wanted = time_factor


def device_of(model: ReferenceVae) -> torch.device:
    """Where the model's weights are."""
    return next(model.parameters()).device
