"""The tracker on a public-domain photo and on the drawn avatar."""

from __future__ import annotations

import numpy as np
import pytest

from talking_portrait_ros.evaluation.tracker import measure, track_frames, track_video
from talking_portrait_ros.frames.avatar import drawn_avatar

pytest.importorskip("mediapipe")


def test_open_and_closed_mouths_and_a_sunk_eye_are_told_apart():
    avatar = drawn_avatar().landmarks
    opened = avatar.copy()
    opened[14, 1] += 40
    blinking = avatar.copy()
    for upper, lower in ((160, 144), (158, 153), (387, 373), (385, 380)):
        blinking[upper, 1] = blinking[lower, 1]
    raised = avatar.copy()
    raised[[105, 334], 1] -= 20
    assert measure(raised)["brow"] > measure(avatar)["brow"] + 0.02
    assert measure(avatar)["gap"] < 0.005 < 0.06 < measure(opened)["gap"]
    assert measure(blinking)["ear"] < 0.05 < 0.2 < measure(avatar)["ear"]


def test_yaw_and_pitch_have_the_signs_of_the_motion_space():
    avatar = drawn_avatar().landmarks
    to_right, down = avatar.copy(), avatar.copy()
    to_right[454, 2] += 100  # the right side of the face moves away
    down[152, 2] += 100  # the chin moves away
    assert measure(to_right)["yaw"] > measure(avatar)["yaw"] + 0.1
    assert measure(down)["pitch"] > measure(avatar)["pitch"] + 0.1


def test_face_is_found_and_its_open_smile_measured():
    from skimage.data import astronaut

    crop = np.ascontiguousarray(astronaut()[:300, 80:380])
    track = track_frames([crop, crop, crop])
    assert track.found.tolist() == [1, 1, 1]
    assert 0.01 < track.gap.mean() < 0.12
    assert abs(track.yaw.mean()) < 0.6


def test_frames_without_a_face_are_refused():
    blank = np.full((120, 120, 3), 128, np.uint8)
    with pytest.raises(ValueError, match=r"blank: a face was found in 0 of 2 frames"):
        track_frames([blank, blank], "blank")


def test_file_that_is_no_video_is_refused(tmp_path):
    path = tmp_path / "notes.mp4"
    path.write_text("no video")
    with pytest.raises(ValueError, match="cannot be read as a video"):
        track_video(path)


def test_video_is_measured_at_the_wanted_rate_and_kept(tmp_path):
    path = _write_video(tmp_path / "a.mp4", n_frames=12, fps=50)
    track = track_video(path, fps=25, cache=tmp_path / "cache")
    assert len(track) == 6
    again = track_video(path, fps=25, cache=tmp_path / "cache")
    assert np.array_equal(track.gap, again.gap)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def _write_video(path, n_frames: int, fps: int):
    import av
    import cv2

    picture = cv2.resize(drawn_avatar().image, (256, 256), interpolation=cv2.INTER_AREA)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width = stream.height = 256
        stream.pix_fmt = "yuv420p"
        for _ in range(n_frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
