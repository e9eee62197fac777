from __future__ import annotations

import numpy as np
import pytest

from talking_portrait_ros.screen.sheet import contact_sheet


def solid(value, height=20, width=30):
    return np.full((height, width, 3), value, np.uint8)


def test_frames_stand_in_rows_in_order():
    sheet = contact_sheet([solid(10 * k) for k in range(5)], columns=3)
    assert sheet.shape == (40, 90, 3)
    middles = [sheet[10 + 20 * (k // 3), 15 + 30 * (k % 3), 0] for k in range(5)]
    assert middles == [0, 10, 20, 30, 40]
    assert sheet[30, 75, 0] > 200


def test_labels_have_a_line_of_their_own_and_cover_no_picture():
    sheet = contact_sheet([solid(0), solid(0)], labels=["a", "b"], columns=2)
    assert sheet.shape[0] > 20
    assert not sheet[-20:].any()
    assert sheet[:-20].min() < 128 < sheet[:-20].max()


def test_frames_are_scaled_to_the_wanted_width():
    sheet = contact_sheet([solid(9), solid(9, 40, 60)], columns=2, cell_px=15)
    assert sheet.shape == (10, 30, 3)


def test_nothing_to_show_is_refused():
    with pytest.raises(ValueError, match="no frames"):
        contact_sheet([])
    with pytest.raises(ValueError, match="1 labels for 2 frames"):
        contact_sheet([solid(0), solid(0)], labels=["a"])
    with pytest.raises(ValueError, match="columns=0"):
        contact_sheet([solid(0)], columns=0)
