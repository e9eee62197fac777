"""Lays the references' moved pictures into the paint: the last, full-size part of decoding.

On a CPU this is done in C, or by OpenCV where that has not been compiled, frame by frame, within
a grey level or two of what `ReferenceVae.decode` gives: at full size PyTorch needs more time for
these few operations than for the network.
"""

from __future__ import annotations

from ctypes import c_int, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talking_portrait_ros.chunks import U8
from talking_portrait_ros.frames.reference_vae.decoder import Painting, ReferenceCache
from talking_portrait_ros.frames.reference_vae.model import Decoded, composed
from talking_portrait_ros.native import load_kernels

VERSION = 1  # of the signatures in kernels.c
LEAST_SHARE = 0.01  # a reference that nothing in a frame uses more than this is left out of it


class Compositor(Protocol):
    """Makes pictures of a painting."""

    def frames(self, painting: Painting) -> U8:
        """uint8 RGB [T, H, W, 3] of the one clip of `painting`."""
        ...


def compositor_for(
    references: U8, cache: ReferenceCache, stride: int, device: torch.device
) -> Compositor:
    """The faster one on `device`.

    Args:
        references: uint8 RGB [M, H, W, 3].
        cache: of the references.
        stride: pixels per painted one.
        device: where the painting is.
    """
    if device.type != "cpu":
        return TorchCompositor(cache, stride)
    compose = kernel()
    if compose is None:
        return OpenCvCompositor(references, stride)
    return NativeCompositor(references, stride, compose)


class TorchCompositor:
    """Any device, as in training."""

    def __init__(self, references: ReferenceCache, stride: int) -> None:
        self._references, self._stride = references, stride

    def frames(self, painting: Painting) -> U8:
        """As in `Compositor`."""
        decoded: Decoded = composed(painting, self._references, self._stride)
        grey: Tensor = (decoded.frames[0] * 255).round().clamp(0, 255).to(torch.uint8)
        return grey.permute(0, 2, 3, 1).contiguous().cpu().numpy()


class NativeCompositor:
    """On a CPU, for references uint8 RGB [M, H, W, 3]: one pass over the pixels of a frame."""

    def __init__(self, references: U8, stride: int, compose: Any) -> None:
        """`compose` is `kernel()`."""
        beside = ((0, 0), (0, 0), (0, 0), (0, 1))
        self._references = np.ascontiguousarray(np.pad(references, beside))  # [M, H, W, 4]
        self._stride, self._compose = stride, compose

    def frames(self, painting: Painting) -> U8:
        """As in `Compositor`."""
        paint = painting.paint[0].numpy()  # [T, H / p, W / p, 3]
        height, width = (self._stride * side for side in paint.shape[1:3])
        out = np.empty((len(paint), height, width, 3), np.uint8)
        nowhere: NDArray[Any] = np.empty((0, 2, 1, 1), np.float32)
        for index, own in enumerate(paint):
            if painting.soft is not None:
                own = own + cv2.resize(painting.soft[0, index].numpy(), own.shape[1::-1])
            coords, weights = nowhere, nowhere[:, 0]
            if painting.warp is not None:
                coords = _floats(painting.warp.coords[0, index].numpy())
                weights = _floats(painting.warp.weights[0, index].numpy())
            n_references = min(len(coords), len(self._references))
            own = _floats(own)
            failed = self._compose(
                height, width, own.ctypes.data, *own.shape[:2], n_references,
                self._references.ctypes.data, coords.ctypes.data, *coords.shape[2:],
                weights.ctypes.data, *weights.shape[1:], out[index].ctypes.data,
            )  # fmt: skip
            if failed:
                raise MemoryError("frames/reference_vae: no memory for the rows of a frame")
        return out


def _floats(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(values, np.float32)


@cache
def kernel() -> Any:
    """`vae_compose` of the compiled `kernels.c`; None where it is missing or outdated."""
    folder = Path(__file__).parent
    found = load_kernels(
        folder, "vae_version", VERSION, "frames are put together by OpenCV, slower"
    )
    if found is None:
        return None
    compose = found.vae_compose
    compose.argtypes = [
        *[c_int] * 2, c_void_p, *[c_int] * 3, *[c_void_p] * 2, *[c_int] * 2, c_void_p,
        *[c_int] * 2, c_void_p,
    ]  # fmt: skip
    return compose


class OpenCvCompositor:
    """On a CPU, for references uint8 RGB [M, H, W, 3]."""

    def __init__(self, references: U8, stride: int) -> None:
        self._references, self._stride = references, stride

    def frames(self, painting: Painting) -> U8:
        """As in `Compositor`."""
        paint = painting.paint[0].numpy()  # [T, H / p, W / p, 3]
        height, width = (self._stride * side for side in paint.shape[1:3])
        out = np.empty((len(paint), height, width, 3), np.uint8)
        for index, own in enumerate(paint):
            if painting.soft is not None:
                own = own + cv2.resize(painting.soft[0, index].numpy(), own.shape[1::-1])
            picture = cv2.resize(own * np.float32(255), (width, height))
            if painting.warp is not None:
                coords = painting.warp.coords[0, index].numpy()
                self._lay_in(picture, coords, painting.warp.weights[0, index].numpy())
            # convertScaleAbs rounds and saturates, but would turn what is below black over.
            cv2.convertScaleAbs(np.maximum(picture, 0, out=picture), out[index])
        return out

    def _lay_in(
        self, picture: NDArray[np.float32], coords: NDArray[Any], weights: NDArray[Any]
    ) -> None:
        """Add each reference, moved by coords [M, 2, h, w] and weighted [M + 1, h, w]."""
        height, width = picture.shape[:2]
        for reference, where, share in zip(self._references, coords, weights, strict=False):
            if share.max() < LEAST_SHARE:
                continue
            pixels = (where.transpose(1, 2, 0) + 1) * (width / 2, height / 2) - 0.5
            field = cv2.resize(pixels.astype(np.float32), (width, height))
            moved = cv2.remap(
                reference, field, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )  # type: ignore[call-overload]
            large = cv2.cvtColor(cv2.resize(share, (width, height)), cv2.COLOR_GRAY2BGR)
            cv2.accumulateProduct(moved.astype(np.float32), large, picture)
