"""Coarse warps by classical optical flow between the linear path's pictures.

Where in a reference each position of a frame is to be looked up needs no learning at this scale:
dense inverse search (Kroeger et al. 2016, in OpenCV) on thumbnails of 128 x 128 finds it from the
first step of training on, and on faces that no corpus holds. It runs on the CPU on any device; the
thumbnails are small. No gradient passes through it.

How dense the search is was chosen by measurement on clips of the corpus: as good as the library's
preset of medium quality in 60 % of its time.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import torch
from torch import Tensor

from talking_portrait_ros.chunks import F32, U8

SIDE = 128
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


def thumbnails(pictures: Tensor) -> U8:
    """Grey thumbnails [B, N, SIDE, SIDE] of pictures [B, N, h, w, 3] about 0..1."""
    grey = pictures.detach().float().cpu().numpy() @ _GREY  # [B, N, h, w]
    how = cv2.INTER_AREA if grey.shape[2] > SIDE else cv2.INTER_CUBIC
    flat = grey.reshape(-1, *grey.shape[2:])
    sized = [cv2.resize(each, (SIDE, SIDE), interpolation=how) for each in flat]
    levels = np.clip(np.stack(sized) * 255 + 0.5, 0, 255).astype(np.uint8)
    return levels.reshape(*grey.shape[:2], SIDE, SIDE)


def coarse_coords(frames: U8, references: U8, like: Tensor) -> Tensor:
    """Where each position of the frames is in each reference, x and y in -1..1.

    Args:
        frames: thumbnails [B, T, SIDE, SIDE].
        references: thumbnails [B, M, SIDE, SIDE].
        like: the result gets its device and dtype.

    Returns:
        [B, T, M, 2, SIDE, SIDE].
    """
    shifts = np.stack([
        [[_flow(frame, reference) for reference in own] for frame in clip]
        for clip, own in zip(frames, references, strict=True)
    ])  # [B, T, M, SIDE, SIDE, 2] pixels  # fmt: skip
    shift = torch.from_numpy(shifts).to(like.device, like.dtype).permute(0, 1, 2, 5, 3, 4)
    return own_coords(SIDE, SIDE, like) + shift * (2 / SIDE)


def own_coords(height: int, width: int, like: Tensor) -> Tensor:
    """Where each position is itself: [2, H, W], x and y in -1..1."""
    y = (torch.arange(height, device=like.device, dtype=like.dtype) + 0.5) * (2 / height) - 1
    x = (torch.arange(width, device=like.device, dtype=like.dtype) + 0.5) * (2 / width) - 1
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)])


def _flow(frame: U8, reference: U8) -> F32:
    """From each pixel of `frame` to where it is in `reference`, [SIDE, SIDE, 2] pixels."""
    return np.asarray(_search().calc(frame, reference, None), np.float32)  # type: ignore[call-overload]


@cache
def _search() -> cv2.DISOpticalFlow:
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(0)  # the thumbnails are small enough to be searched at full size
    search.setPatchStride(4)
    search.setGradientDescentIterations(12)
    search.setVariationalRefinementIterations(3)
    return search
