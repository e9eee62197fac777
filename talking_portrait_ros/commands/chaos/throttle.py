"""Slows a process down from outside, as a machine that is too weak: it stops and goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

# In a process of its own, because it has to be exact.
STOP_AND_GO = """
import os, signal, sys, time
pid, share, period_s, due_s = int(sys.argv[1]), float(sys.argv[2]), 0.01, time.monotonic()
try:
    while True:
        for number, part in ((signal.SIGCONT, share), (signal.SIGSTOP, 1 - share)):
            os.kill(pid, number)
            due_s = max(due_s + part * period_s, time.monotonic())
            time.sleep(max(0.0, due_s - time.monotonic()))
except ProcessLookupError:
    pass
"""


class Throttle:
    """Lets process `pid` run for `share` of the time; a context manager."""

    def __init__(self, pid: int, share: float) -> None:
        """Prepare."""
        self._pid = pid
        self._command = [sys.executable, "-S", "-c", STOP_AND_GO, str(pid), str(share)]

    def __enter__(self) -> Throttle:
        self._process = subprocess.Popen(self._command)
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.wait()
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGCONT)
