"""A grid of pictures with the names of its rows, as one PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from talking_portrait_ros.chunks import U8

_LABEL_PX, _GAP_PX = 16, 2


def save_grid(path: Path, rows: Mapping[str, Sequence[Tensor]], size: int) -> None:
    """Write `rows` of pictures (float [3, H, W], 0..1), each shown `size` pixels wide.

    A row's name stands above it; rows may differ in length.
    """
    columns = max(map(len, rows.values()))
    strips = [_strip(name, pictures, size, columns) for name, pictures in rows.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode(".png", np.concatenate(strips)[..., ::-1])
    path.write_bytes(data.tobytes())


def _strip(name: str, pictures: Sequence[Tensor], size: int, columns: int) -> U8:
    cell = size + _GAP_PX
    strip = np.zeros((size + _LABEL_PX, columns * cell, 3), np.uint8)
    cv2.putText(strip, name, (2, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1,
                cv2.LINE_AA)  # fmt: skip
    for column, picture in enumerate(pictures):
        left = column * cell
        strip[_LABEL_PX:, left : left + size] = _as_bytes(picture, size)
    return strip


def _as_bytes(picture: Tensor, size: int) -> U8:
    shown = picture.detach().float().clamp(0, 1).mul(255).round().byte().permute(1, 2, 0)
    how = cv2.INTER_AREA if shown.shape[0] > size else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(shown.cpu().numpy(), (size, size), interpolation=how), np.uint8)
