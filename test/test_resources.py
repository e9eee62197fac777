"""What a process keeps of its memory, and how many threads it has."""

from __future__ import annotations

import os
import subprocess
import sys

import cv2
import pytest
import torch

from talking_portrait_ros.resources import limit_threads

PICTURES = """
import resource
import numpy as np
from talking_portrait_ros.resources import give_memory_back, keep_freed_memory
KEEP
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):  # as a frame is made: several pictures at once, freed together
        kept = [np.ones((512, 512, 3), np.float32) for _ in range(4)]
        del kept
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
give_memory_back()
print(faults())
"""


def _faults(keep: str) -> list[int]:
    code = PICTURES.replace("KEEP", keep)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [int(line) for line in ran.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is meant")
def test_freed_pictures_are_used_again_without_the_kernel():
    (usual, _), (kept, given_back) = _faults(""), _faults("keep_freed_memory()")
    assert kept < 0.01 * usual
    assert given_back > kept


RUN_FIRST = """
import os, threading, time
from talking_portrait_ros.resources import take_precedence
threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
try:
    take_precedence(1)
except PermissionError:
    print("not allowed")
else:
    print({os.sched_getscheduler(int(each)) for each in os.listdir("/proc/self/task")})
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux schedules so")
def test_all_threads_run_before_ordinary_processes():
    ran = subprocess.run(
        [sys.executable, "-c", RUN_FIRST], capture_output=True, text=True, check=True
    )
    if "not allowed" in ran.stdout:
        pytest.skip("this user may not have real-time priority")
    assert ran.stdout.strip() == str({os.SCHED_RR})


def test_threads_are_those_of_torch_and_opencv():
    before = torch.get_num_threads(), cv2.getNumThreads()
    try:
        limit_threads(1)
        assert (torch.get_num_threads(), cv2.getNumThreads()) == (1, 1)
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
