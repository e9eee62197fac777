"""Node processes that are started anew when they die, on top of honcho.

honcho ends everything when one process ends. That is right for a regular end (code 0) and for a
user's mistake (code 2); what was killed or broke off is started again, and the others go on. What
does not end with the others is killed, and that is said.
What runs here is the keeper of a node (`ros/keeper.py`), which does the same for the node itself.
"""

from __future__ import annotations

import signal
from multiprocessing import Event
from multiprocessing.synchronize import Event as EventType
from typing import Any

from honcho.manager import KILL_WAIT, SYSTEM_PRINTER_NAME, Manager
from honcho.printer import Printer
from honcho.process import Process

from talking_portrait_ros.ros.keeper import BROKEN, REGULAR_ENDS, Lives, described

ENDS = (*REGULAR_ENDS, BROKEN)

OVERDUE = f"did not end within {KILL_WAIT} s after the others"


class NodePrinter(Printer):  # type: ignore[misc]
    """Prints what the nodes say, and not what the supervisor says of itself."""

    def write(self, message: Any) -> None:
        """Print one line."""
        if message.name != SYSTEM_PRINTER_NAME:
            super().write(message)


class _Respawned(Process):  # type: ignore[misc]
    """A process with many lives; runs in a process of its own, as honcho has it."""

    def __init__(self, cmd: str, ending: EventType, **options: Any) -> None:
        """`ending` is set once the whole graph is to end."""
        super().__init__(cmd, **options)
        self._ending = ending
        self._returncode = 0

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        """Live until an end that is one."""
        lives = Lives()
        while True:
            lives.begin()
            super().run(events, ignore_signals)
            broken = lives.end()
            if self._ending.is_set() and self._returncode == -signal.SIGKILL:
                self._send_message(f"{OVERDUE}: it was killed\n".encode())
            if broken or self._ending.is_set() or self._returncode in ENDS:
                super()._send_message({"returncode": self._returncode}, type="stop")
                return
            self._send_message(f"{described(self._returncode)}; it is started anew\n".encode())
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)  # the next life would inherit what we ignore

    def _send_message(self, data: Any, type: str = "line") -> None:  # noqa: A002, honcho's name
        """Everything but the end of a life, which `run` judges."""
        if type == "stop":
            self._returncode = data["returncode"]
        else:
            super()._send_message(data, type=type)


class RespawningManager(Manager):  # type: ignore[misc]
    """Runs node processes side by side until one of them ends for good."""

    def __init__(self, printer: NodePrinter) -> None:
        """Let `printer` print what the nodes say."""
        super().__init__(printer)
        self._ending = Event()
        self._process_ctor = self._respawned

    def terminate(self) -> None:
        """End all processes."""
        self._ending.set()
        super().terminate()

    def _respawned(self, cmd: str, **options: Any) -> _Respawned:
        return _Respawned(cmd, self._ending, **options)
