"""Shared memory of Fast DDS that its process, killed, could not give back.

A process holds a lock on `<segment>_el` for as long as it lives; a segment whose lock is free is
nobody's. (`fastdds shm clean` goes by the same rule.)
"""

from __future__ import annotations

import fcntl
import re
import time
from pathlib import Path

FOLDER = Path("/dev/shm")  # noqa: S108, where Fast DDS puts them on Linux
LOCK = re.compile(r"(fastdds_[0-9a-f]{16})_[es]l")
LEAST_AGE_S = 1.0  # a process that starts makes the file just before it locks it


def remove_dead_segments(folder: Path = FOLDER) -> int:
    """Remove the segments that no living process holds; how many they were."""
    n_removed = 0
    for lock in folder.glob("fastdds_*"):
        found = LOCK.fullmatch(lock.name)
        if found and _is_free(lock):
            (folder / found[1]).unlink(missing_ok=True)
            lock.unlink(missing_ok=True)
            n_removed += 1
    return n_removed


def _is_free(lock: Path) -> bool:
    """True where nobody holds the lock. What cannot be opened belongs to somebody else."""
    try:
        with lock.open("ab") as file:
            if time.time() - lock.stat().st_mtime < LEAST_AGE_S:
                return False
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
