"""Memory and CPU threads of a process that makes a picture every 40 ms."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_KEPT_BYTES = 128 << 20
_MOST_AT_ONCE_BYTES = 32 << 20  # glibc allows no higher threshold
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def keep_freed_memory() -> None:
    """Let the C library keep freed memory for the next frame.

    glibc gives freed megabytes back to the kernel and gets them again page by page: 3000 page
    faults and a sixth of the time of a frame of the reference VAE, half of the time that it takes
    to receive a picture. Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MOST_AT_ONCE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def give_memory_back() -> None:
    """Give the kernel what was kept, when there is no next frame."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


def take_precedence(priority: int) -> None:
    """Let this process, with all its threads, run before all ordinary ones (SCHED_RR).

    Args:
        priority: 1 to 99, among real-time processes.

    Raises:
        PermissionError: the system does not allow it.
    """
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setscheduler(int(thread.name), os.SCHED_RR, os.sched_param(priority))


def limit_threads(n_threads: int) -> None:
    """CPU threads of torch and OpenCV, where they are loaded: importing them takes seconds."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(n_threads)
    if (cv2 := sys.modules.get("cv2")) is not None:
        cv2.setNumThreads(n_threads)
