"""Fewer pictures for the same number of frames: some are drawn, the others repeat them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talking_portrait_ros.chunks import U8


def frames_to_draw(
    first_frame: int, n_frames: int, every: int, has_picture: bool
) -> NDArray[np.intp]:
    """Indices, among `n_frames` from `first_frame` on, of those that are drawn.

    The last one of every few is: of frames that come together it has the most time.

    Args:
        first_frame: of the chunk.
        n_frames: of the chunk.
        every: 1 draws all, 2 every second one of the stream.
        has_picture: whether there is an earlier picture that can be repeated.
    """
    due = (first_frame + np.arange(n_frames) + 1) % every == 0
    if n_frames and not has_picture:
        due[0] = True
    return np.flatnonzero(due)


def repeated(drawn: U8, indices: NDArray[np.intp], n_frames: int, before: U8 | None) -> U8:
    """All frames, [n_frames, H, W, 3], of the pictures `drawn` at `indices`.

    `before` [H, W, 3] is the last picture of the chunk before.
    """
    if len(indices) == n_frames:
        return drawn
    pictures = drawn if before is None else np.concatenate([before[None], drawn])
    latest = np.searchsorted(indices, np.arange(n_frames), side="right") - (before is None)
    return pictures[latest]
