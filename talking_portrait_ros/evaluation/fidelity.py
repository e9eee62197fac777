"""How near decoded frames come to the original: PSNR and SSIM, frame by frame; a cheap rival."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from talking_portrait_ros.chunks import F32, U8

ROUNDING = 1 / 12
"""Squared error of rounding to 8 bits: equal frames count as 58.9 dB, not as infinitely many."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Fidelity:
    """Means over frames that come in any number at a time.

    PSNR is over all three colours, 8 bits, the mean of the frames' decibels. SSIM (skimage, 7x7
    windows) is over luma; it costs more than decoding does and may be left to one frame in a few.
    """

    def __init__(self, ssim_every: int = 1) -> None:
        self._ssim_every = ssim_every
        self._decibels = self._similarity = 0.0
        self.n_frames = self._n_compared = 0

    def add(self, original: U8, decoded: U8) -> None:
        """Compare frames, both uint8 RGB [T, H, W, 3]."""
        for one, other in zip(original, decoded, strict=True):
            self._decibels += psnr_db(one, other)
            if self.n_frames % self._ssim_every == 0:
                self._similarity += ssim(one, other)
                self._n_compared += 1
            self.n_frames += 1

    @property
    def psnr_db(self) -> float:
        """Mean over the frames."""
        return self._decibels / self.n_frames

    @property
    def ssim(self) -> float:
        """Mean over the frames that were compared."""
        return self._similarity / self._n_compared


def psnr_db(original: U8, decoded: U8) -> float:
    """Peak signal-to-noise ratio of one frame."""
    apart = np.subtract(original, decoded, dtype=np.int16).astype(np.float32)
    squared = float(np.mean(apart * apart, dtype=np.float64))
    return 10 * math.log10(255**2 / max(squared, ROUNDING))


def ssim(original: U8, decoded: U8) -> float:
    """Structural similarity of the luma of one frame."""
    from skimage import metrics

    compare: Any = metrics.structural_similarity
    return float(compare(original @ _LUMA, decoded @ _LUMA, data_range=255.0))


class Thumbnail:
    """The rival without a network: a small picture per latent step, of no more numbers than it.

    The mean of the step's frames, area-shrunk to luma and half-size chroma, and enlarged again.
    """

    def __init__(self, n_numbers: int) -> None:
        """Take as many pixels as `n_numbers` allow: 52 x 52 and twice 26 x 26 for 4096."""
        self.side = 2 * int(math.sqrt(n_numbers / 6))

    def step(self, frames: U8) -> U8:
        """What is left of the frames of one step, uint8 RGB [T, H, W, 3]."""
        size = frames.shape[2], frames.shape[1]
        mean = frames.mean(axis=0, dtype=np.float32)
        luma, *chroma = cv2.split(cv2.cvtColor(mean / 255, cv2.COLOR_RGB2YCrCb))
        planes = [_through(luma, self.side, size)]
        planes += [_through(plane, self.side // 2, size) for plane in chroma]
        rgb = cv2.cvtColor(cv2.merge(planes), cv2.COLOR_YCrCb2RGB)
        picture = np.clip(rgb * 255 + 0.5, 0, 255).astype(np.uint8)
        return np.repeat(picture[None], len(frames), axis=0)


def _through(plane: NDArray[np.float32], side: int, size: tuple[int, int]) -> F32:
    small = cv2.resize(plane, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC), np.float32)
