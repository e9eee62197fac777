from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest

from talking_portrait_ros.screen.video import VideoWriter, check_video_path, write_video
from talking_portrait_ros.timebase import Timebase


def flashing(n_frames, white, size=64):
    return [np.full((size, size, 3), 255 * (k == white), np.uint8) for k in range(n_frames)]


def clicking(n_frames, click, rate_hz, fps):
    sound = np.zeros(n_frames * rate_hz // fps, np.float32)
    sound[click * rate_hz // fps :][:80] = 0.9
    return sound


def read_back(path):
    """Times of white frames, time of the click, number of frames, seconds of sound."""
    with av.open(str(path)) as container:
        pictures = [(f.time, f.to_ndarray(format="gray").mean())
                    for f in container.decode(video=0)]  # fmt: skip
    with av.open(str(path)) as container:
        pieces = [(f.time, f.sample_rate, f.to_ndarray()[0]) for f in container.decode(audio=0)]
    sound = np.concatenate([samples for _, _, samples in pieces])
    click_s = pieces[0][0] + np.argmax(np.abs(sound) > 0.3) / pieces[0][1]
    return [t for t, level in pictures if level > 128], click_s, len(pictures), len(sound)


@pytest.mark.parametrize(("rate_hz", "fps"), [(16_000, 25), (48_000, 50)])
def test_a_click_and_a_white_frame_at_one_time_are_read_back_at_one_time(tmp_path, rate_hz, fps):
    path = tmp_path / "x.mp4"
    n = write_video(path, flashing(60, 33), clicking(60, 33, rate_hz, fps), rate_hz, fps)
    white, click_s, n_frames, n_samples = read_back(path)
    assert n == n_frames == 60
    assert white == pytest.approx([33 / fps])
    assert click_s == pytest.approx(33 / fps, abs=0.004)
    assert n_samples / rate_hz == pytest.approx(60 / fps, abs=1024 / rate_hz)


def test_sound_that_ends_early_becomes_silence_and_too_much_of_it_is_left_out(tmp_path):
    for n_samples in (100, 50_000):
        path = tmp_path / f"{n_samples}.mp4"
        write_video(path, flashing(25, 3), np.full(n_samples, 0.1, np.float32))
        assert read_back(path)[3] / 16_000 == pytest.approx(1.0, abs=0.07)


def test_the_file_says_that_the_face_is_synthetic(tmp_path):
    path = tmp_path / "x.mp4"
    write_video(path, flashing(5, 1), np.zeros(3200, np.float32))
    with av.open(str(path)) as container:
        assert "Synthetic" in container.metadata["comment"]
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert container.streams.audio[0].codec_context.name == "aac"


def test_an_interrupted_recording_can_be_played(tmp_path):
    path = tmp_path / "x.mp4"

    def interrupted():
        yield from flashing(10, 3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(path, interrupted(), np.zeros(16_000, np.float32))
    assert read_back(path)[2] == 10


def test_frames_of_odd_or_changing_size_are_refused(tmp_path):
    writer = VideoWriter(tmp_path / "x.mp4", Timebase())
    with pytest.raises(ValueError, match="15x16: width and height must be even"):
        writer.add(np.zeros((16, 15, 3), np.uint8), np.zeros(640, np.float32))
    writer.add(np.zeros((16, 16, 3), np.uint8), np.zeros(640, np.float32))
    with pytest.raises(ValueError, match="the video is 16x16"):
        writer.add(np.zeros((32, 32, 3), np.uint8), np.zeros(640, np.float32))
    writer.close()


def test_a_video_without_frames_is_refused_and_leaves_no_file(tmp_path):
    path = tmp_path / "x.mp4"
    with pytest.raises(ValueError, match="no frames"):
        write_video(path, [], np.zeros(100, np.float32))
    assert not path.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_error_and_no_crash(tmp_path):
    (tmp_path / "x.mp4").symlink_to("/dev/full")
    noise = np.random.default_rng(0).integers(0, 255, (10, 64, 64, 3)).astype(np.uint8)
    with pytest.raises(OSError, match="No space left"):
        write_video(tmp_path / "x.mp4", noise, np.zeros(6400, np.float32))


def test_places_where_no_video_can_be_written_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"unknown ending; use \.mp4"):
        check_video_path(tmp_path / "x.gif")
    with pytest.raises(ValueError, match="does not exist; create it"):
        check_video_path(tmp_path / "no" / "x.mp4")
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(ValueError, match="cannot be written"):
        check_video_path(tmp_path / "folder.mp4")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match="cannot be written"):
        check_video_path(tmp_path / "x.mp4")
