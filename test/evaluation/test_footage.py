"""Videos as square frames at 25 fps: the right moments, upright, the face inside."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.footage import SIDE, avatar_frames, levels, turned_on_playback, write_pictures

from talking_portrait_ros.evaluation.footage import Square, covering, open_footage
from talking_portrait_ros.evaluation.videos import pictures_at_rate, timed_pictures
from talking_portrait_ros.frames.avatar import drawn_avatar


def face(left, top, width, height):
    """Landmarks whose box is the given one."""
    marks = np.full((478, 3), (left, top, 0), np.float32)
    marks[1] = (left + width, top + height, 0)
    return marks


def indices(path, fps):
    """Which of `levels` are shown."""
    return [round((picture().mean() - 10) / 5) for picture in pictures_at_rate(path, fps)]


@pytest.mark.parametrize(
    ("file_fps", "expected"),
    [
        (25, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (50, [0, 2, 4, 6, 8]),
        (30, [0, 1, 2, 3, 4, 6, 7, 8, 9]),
        (12.5, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9]),
    ],
)
def test_at_25_fps_each_frame_is_the_one_on_the_screen_then(tmp_path, file_fps, expected):
    path = write_pictures(tmp_path / "x.mp4", levels(10), file_fps)
    assert indices(path, 25) == expected


def test_a_clip_held_sideways_is_upright_and_pixels_are_square(tmp_path):
    wide = np.zeros((64, 128, 3), np.uint8)
    wide[:, :32] = 255  # bright on the left
    path = write_pictures(tmp_path / "x.mp4", [wide] * 3)
    turned_on_playback(path)
    picture = next(timed_pictures(path))[1]()
    assert picture.shape == (128, 64, 3)
    assert picture[:24].mean() > 240  # the left edge turned clockwise is the top
    assert picture[40:].mean() < 10
    stretched = write_pictures(tmp_path / "y.mp4", [wide] * 3, aspect=2)
    assert next(timed_pictures(stretched))[1]().shape == (64, 256, 3)


def test_a_square_with_the_faces_well_inside_stays_as_it_is():
    square = Square(100, 50, 200)
    assert covering(square, [face(150, 100, 90, 100), face(170, 110, 90, 100)], 480, 640) == square


def test_a_square_moves_and_grows_only_until_all_faces_are_inside():
    first, second = face(150, 100, 90, 100), face(260, 100, 90, 100)
    wider = covering(Square(100, 50, 200), [first, second], 480, 640)
    assert wider == Square(139, 39, 222)  # 200 wide, a twentieth on either side; about its centre
    aside = covering(Square(100, 50, 200), [first, face(230, 100, 90, 100)], 480, 640)
    assert aside == Square(130, 50, 200)  # 10 on the right of 320
    beyond = covering(Square(-40, -30, 600), [face(10, 20, 300, 350)], 480, 640)
    assert beyond == Square(0, 0, 480)  # no larger than the picture


def test_a_square_leaves_the_picture_where_faces_need_more_than_its_height():
    wide = covering(Square(0, 0, 200), [face(10, 50, 100, 120), face(500, 50, 100, 120)], 240, 640)
    assert wide.side > 590
    assert wide.top < 0 and wide.top + wide.side > 240


def test_a_face_that_walks_through_the_picture_stays_in_one_square(tmp_path):
    pytest.importorskip("mediapipe")
    avatar = avatar_frames(20)
    shifts = np.linspace(0, 250, 25).astype(int)
    scene = np.full((25, SIDE + 60, 480, 3), 200, np.uint8)
    for k, shift in enumerate(shifts):
        scene[k, 30 : 30 + SIDE, shift : shift + SIDE] = avatar[0]
    path = write_pictures(tmp_path / "walk.mp4", scene)
    footage = open_footage(path, 128)
    marks = drawn_avatar().landmarks[:, :2] * SIDE / 1024 + (0, 30)
    for shift in (0, shifts[20]):  # the first and the last look at the face
        low, high = marks.min(0) + (shift, 0), marks.max(0) + (shift, 0)
        square = footage.square
        assert square.left < low[0] and high[0] < square.left + square.side
        assert square.top < low[1] and high[1] < square.top + square.side
    assert footage.n_frames == 25
    assert {frame.shape for frame in footage.frames()} == {(128, 128, 3)}


def test_a_part_of_a_clip_begins_and_ends_where_it_should(tmp_path):
    pytest.importorskip("mediapipe")
    avatar = avatar_frames(20)
    path = write_pictures(tmp_path / "x.mp4", avatar)
    part = open_footage(path, SIDE, start_s=0.2, seconds=0.4)
    assert (part.n_frames, part.first_frame, part.has_sound) == (10, 5, False)
    assert part.square == Square(0, 0, SIDE)  # framed as a portrait already
    for got, k in zip(part.at([9, 0]), (14, 5), strict=True):
        apart = [np.abs(got.astype(int) - frame).mean() for frame in avatar]
        assert np.argmin(apart) == k


def test_videos_that_will_not_do_are_refused_in_one_line(tmp_path):
    pytest.importorskip("mediapipe")
    blank = write_pictures(tmp_path / "blank.mp4", levels(10))
    short = write_pictures(tmp_path / "short.mp4", levels(4))
    with pytest.raises(ValueError, match=r"blank.mp4: no face found; use a picture"):
        open_footage(blank, 64)
    with pytest.raises(ValueError, match=r"short.mp4: 4 frames at 25 fps .* at least 5 \(0.2 s\)"):
        open_footage(short, 64)
    with pytest.raises(ValueError, match=r"0 frames at 25 fps from 9 s on"):
        open_footage(blank, 64, start_s=9)
    with pytest.raises(ValueError, match=r"gone.mp4: cannot be read as a video \(No such file"):
        open_footage(tmp_path / "gone.mp4", 64)
