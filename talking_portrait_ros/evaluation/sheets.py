"""Pictures of reconstructions, for people to judge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talking_portrait_ros.chunks import U8
from talking_portrait_ros.screen.sheet import contact_sheet

DIFFERENCE_GAIN = 4
_CELL_PX = 384
_SMALL_CELL_PX = 300


def difference(original: U8, decoded: U8) -> U8:
    """What is not the same, times `DIFFERENCE_GAIN`; black where nothing differs."""
    apart = np.abs(np.subtract(original, decoded, dtype=np.int16))
    return np.asarray(np.minimum(apart * DIFFERENCE_GAIN, 255), np.uint8)


def reconstruction_sheet(moments: Sequence[tuple[float, U8, U8]]) -> U8:
    """Original, decoded and difference side by side, a row per (seconds, original, decoded)."""
    cells: list[U8] = []
    labels: list[str] = []
    for time_s, original, decoded in moments:
        cells += [original, decoded, difference(original, decoded)]
        labels += [f"{time_s:.2f} s original", "decoded", f"difference x{DIFFERENCE_GAIN}"]
    return contact_sheet(cells, labels, columns=3, cell_px=_CELL_PX)


def trial_sheet(
    references: Sequence[U8], moments: Sequence[Sequence[U8]], labels: Sequence[str]
) -> U8:
    """The references, then a row per moment: the original, and what was made of it.

    Args:
        references: up to as many as there are columns.
        moments: original first, then one picture per label.
        labels: what was made.
    """
    columns = 1 + len(labels)
    blank = np.full_like(moments[0][0], 255)
    cells = [*references, *[blank] * (columns - len(references))]
    texts = [f"reference {k + 1}" for k in range(len(references))]
    texts += [""] * (columns - len(references))
    for moment in moments:
        cells += moment
        texts += ["original", *labels]
    return contact_sheet(cells, texts, columns, _SMALL_CELL_PX)
