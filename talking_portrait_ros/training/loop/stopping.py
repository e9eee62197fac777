"""When a run ends before its last step: the clock, Ctrl-C, or a polite kill."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopper:
    """Says when to stop, so that the loop can finish its step and write a checkpoint.

    Inside `with`, SIGINT and SIGTERM ask for a stop instead of ending the process (in the main
    thread; elsewhere signals cannot be caught).
    """

    def __init__(self, minutes: float) -> None:
        """Stop after `minutes` of wall-clock time; 0 means never."""
        self._end_s = time.monotonic() + 60 * minutes if minutes > 0 else float("inf")
        self._asked = False

    @property
    def due(self) -> bool:
        """Time is up, or somebody has asked."""
        return self._asked or time.monotonic() >= self._end_s

    def __enter__(self) -> Stopper:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in _SIGNALS}
        else:
            self._before = {}
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
