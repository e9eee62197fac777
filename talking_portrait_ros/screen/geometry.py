"""Where the picture lies in a window: rotation, mirror, bars or crop."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from talking_portrait_ros.chunks import U8
from talking_portrait_ros.screen.config import ScreenConfig

TURNS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


@dataclass(frozen=True)
class Geometry:
    """How a picture is turned and fitted into a window."""

    rotate: int = 0
    mirror: bool = False
    scale: str = "fit"

    @classmethod
    def of(cls, config: ScreenConfig) -> Geometry:
        """The geometry that a user chose."""
        return cls(config.rotate, config.mirror, config.scale)

    def turned(self, image: U8) -> U8:
        """The picture mirrored, then turned clockwise."""
        if self.mirror:
            image = image[:, ::-1]
        if self.rotate:
            image = np.asarray(cv2.rotate(image, TURNS[self.rotate]), np.uint8)
        return image

    def fitted(self, image: U8, width: int, height: int) -> U8:
        """The picture as the window shows it: uint8 RGB [height, width, 3], aspect kept."""
        turned = self.turned(image)
        rows, columns = turned.shape[:2]
        choose = min if self.scale == "fit" else max
        ratio = choose(width / columns, height / rows)
        size = (max(1, round(columns * ratio)), max(1, round(rows * ratio)))
        if size != (columns, rows):
            smooth = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
            turned = np.asarray(cv2.resize(turned, size, interpolation=smooth), np.uint8)
        return _centred(turned, width, height)


def _centred(image: U8, width: int, height: int) -> U8:
    """`image` in the middle of a black [height, width, 3], cut where it is larger."""
    if image.shape[:2] == (height, width):
        return image
    out = np.zeros((height, width, 3), np.uint8)
    (from_y, to_y, n_y), (from_x, to_x, n_x) = (
        _overlap(image.shape[0], height), _overlap(image.shape[1], width)
    )  # fmt: skip
    out[to_y : to_y + n_y, to_x : to_x + n_x] = image[from_y : from_y + n_y, from_x : from_x + n_x]
    return out


def _overlap(have: int, want: int) -> tuple[int, int, int]:
    """Start in the picture, start in the window, and length of what both share."""
    return max(0, (have - want) // 2), max(0, (want - have) // 2), min(have, want)
