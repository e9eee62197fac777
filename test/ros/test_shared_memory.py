from __future__ import annotations

import fcntl
import os
import time

from talking_portrait_ros.ros.shared_memory import remove_dead_segments

OLD_S = time.time() - 60


def segment(folder, name, age_s=60.0):
    """A segment and its lock file, as Fast DDS makes them."""
    (folder / name).write_bytes(b"data")
    lock = folder / f"{name}_el"
    lock.touch()
    os.utime(lock, (time.time() - age_s,) * 2)
    return lock


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_segments_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    segment(tmp_path, "fastdds_00000000000000aa")
    living = segment(tmp_path, "fastdds_00000000000000bb")
    with living.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert remove_dead_segments(tmp_path) == 1
        assert names(tmp_path) == {"fastdds_00000000000000bb", "fastdds_00000000000000bb_el"}


def test_segment_that_is_just_being_made_stays(tmp_path):
    segment(tmp_path, "fastdds_00000000000000cc", age_s=0)
    assert remove_dead_segments(tmp_path) == 0
    assert len(names(tmp_path)) == 2


def test_files_of_others_stay(tmp_path):
    (tmp_path / "fastdds_port7413_el").touch()
    (tmp_path / "sem.mp-1").touch()
    assert remove_dead_segments(tmp_path) == 0
    assert len(names(tmp_path)) == 2
