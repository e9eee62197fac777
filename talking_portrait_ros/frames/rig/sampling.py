"""The two heavy operations of the rig, in PyTorch for any device and in OpenCV for a CPU.

Both take and give channels-last pictures, and agree within a fraction of a grey level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Array = NDArray[Any]


class Sampling(Protocol):
    """Bilinear look-up and enlargement; a picture goes on as at its border."""

    def sample(self, picture: Tensor, coords: Tensor) -> Tensor:
        """`picture` [H, W, C] at `coords` [B, h, w, 2] (x, y pixels) -> [B, h, w, C]."""
        ...

    def enlarge(self, field: Tensor, height: int, width: int) -> Tensor:
        """`field` [B, h, w, C] stretched to [B, height, width, C], bilinear."""
        ...


@dataclass(frozen=True)
class TorchSampling:
    """grid_sample and interpolate: any device, differentiable."""

    def sample(self, picture: Tensor, coords: Tensor) -> Tensor:
        """As in `Sampling`; float32 whatever the picture is."""
        planes = picture.float().permute(2, 0, 1)[None].expand(len(coords), -1, -1, -1)
        return sample_planes(planes, coords).permute(0, 2, 3, 1)

    def enlarge(self, field: Tensor, height: int, width: int) -> Tensor:
        """As in `Sampling`."""
        planes = field.permute(0, 3, 1, 2)
        large = functional.interpolate(planes, (height, width), mode="bilinear")
        return large.permute(0, 2, 3, 1)


@dataclass(frozen=True)
class OpenCvSampling:
    """cv2.remap and cv2.resize, several times faster on a CPU; the picture keeps its dtype."""

    def sample(self, picture: Tensor, coords: Tensor) -> Tensor:
        """As in `Sampling`."""
        image = picture.numpy()
        out = torch.empty(*coords.shape[:3], picture.shape[2], dtype=picture.dtype)
        for frame, where in zip(out.numpy(), coords.numpy(), strict=True):
            look_up(image, where, frame)
        return out

    def enlarge(self, field: Tensor, height: int, width: int) -> Tensor:
        """As in `Sampling`."""
        large = torch.empty(len(field), height, width, field.shape[3])
        source = np.ascontiguousarray(field.numpy())
        for small, out in zip(source, large.numpy(), strict=True):
            cv2.resize(small, (width, height), out, interpolation=cv2.INTER_LINEAR)
        return large


def look_up(image: Array, where: Array, out: Array | None = None) -> Array:
    """`image` [H, W(, C)] at positions `where` [h, w, 2] (x, y pixels), borders continued."""
    no_map: Any = None
    return cv2.remap(
        image, where.astype(np.float32, copy=False), no_map, cv2.INTER_LINEAR, out,
        cv2.BORDER_REPLICATE,
    )  # fmt: skip


def sampling_for(device: torch.device | str) -> Sampling:
    """The faster of the two where it runs."""
    return OpenCvSampling() if torch.device(device).type == "cpu" else TorchSampling()


def sample_planes(planes: Tensor, coords: Tensor) -> Tensor:
    """`planes` [B, C, H, W] at pixel `coords` [B, h, w, 2] -> [B, C, h, w], borders continued."""
    height, width = planes.shape[2:]
    size = torch.tensor([width, height], dtype=coords.dtype, device=coords.device)
    grid = (2 * coords + 1) / size - 1
    return functional.grid_sample(
        planes, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
