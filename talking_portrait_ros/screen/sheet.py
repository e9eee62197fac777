"""Contact sheets: many frames on one picture, for people to judge."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from talking_portrait_ros.chunks import U8

LABEL_ROWS = 18
BACKGROUND = 245


def contact_sheet(
    frames: Sequence[U8],
    labels: Sequence[str] = (),
    columns: int = 6,
    cell_px: int | None = None,
) -> U8:
    """Frames in rows, each with its label above.

    Args:
        frames: uint8 RGB [H, W, 3], of any sizes.
        labels: one for each frame, or none at all.
        columns: frames in a row.
        cell_px: width that frames are scaled to; the first frame's own where not given.

    Returns:
        uint8 RGB [rows, columns, 3].

    Raises:
        ValueError: no frames, or labels that are not as many.
    """
    if not len(frames):
        raise ValueError("contact sheet: no frames; give at least one")
    if labels and len(labels) != len(frames):
        raise ValueError(f"contact sheet: {len(labels)} labels for {len(frames)} frames")
    if columns < 1:
        raise ValueError(f"contact sheet: columns={columns}; use 1 or more")
    width = cell_px or frames[0].shape[1]
    texts = labels or [""] * len(frames)
    cells = [_cell(frame, text, width) for frame, text in zip(frames, texts, strict=True)]
    height = max(cell.shape[0] for cell in cells)
    columns = min(columns, len(cells))
    n_rows = -(-len(cells) // columns)
    sheet = np.full((n_rows * height, columns * width, 3), BACKGROUND, np.uint8)
    for index, cell in enumerate(cells):
        top, left = index // columns * height, index % columns * width
        sheet[top : top + cell.shape[0], left : left + width] = cell
    return sheet


def _cell(frame: U8, label: str, width: int) -> U8:
    """One frame at the given width, with room for a label where there is one."""
    height = max(1, round(frame.shape[0] * width / frame.shape[1]))
    if frame.shape[1] != width:
        smooth = cv2.INTER_AREA if frame.shape[1] > width else cv2.INTER_LINEAR
        frame = np.asarray(cv2.resize(frame, (width, height), interpolation=smooth), np.uint8)
    if not label:
        return frame
    head = np.full((LABEL_ROWS, width, 3), BACKGROUND, np.uint8)
    cv2.putText(head, label, (3, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (20, 20, 20), 1, cv2.LINE_AA)
    return np.concatenate([head, frame])
