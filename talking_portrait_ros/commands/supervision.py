"""Node processes that are started anew when they die, on top of honcho.

honcho ends everything when one process ends. That is right for a regular end (code 0) and for a
user's mistake (code 2); what was killed or broke off is started again, and the others go on.
"""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import suppress
from multiprocessing import Event
from multiprocessing.synchronize import Event as EventType
from threading import Timer
from typing import Any

from honcho.manager import SYSTEM_PRINTER_NAME, Manager
from honcho.printer import Printer
from honcho.process import Popen, Process

from talking_portrait_ros.ros.spare import SPARE

ENDS = (0, 2)
SHORT_LIFE_S = 5.0
SHORT_LIVES = 3
SPARE_AFTER_S = 5.0  # from the start of a life, so that the spare of the next does not delay it


class NodePrinter(Printer):  # type: ignore[misc]
    """Prints what the nodes say, and not what the supervisor says of itself."""

    def write(self, message: Any) -> None:
        """Print one line."""
        if message.name != SYSTEM_PRINTER_NAME:
            super().write(message)


class _Spares:
    """Starts the lives of one node, each by giving its waiting spare the go.

    A spare has loaded all that takes time and reads its standard input; that ends with us. It
    has to set its own signal handlers, as nodes do: it inherits that we ignore the signals.
    """

    def __init__(self) -> None:
        """No spare waits yet."""
        self._waiting: subprocess.Popen[bytes] | None = None

    def __call__(self, cmd: str, **options: Any) -> subprocess.Popen[bytes]:
        """The process of a life, as honcho's own Popen."""
        child, self._waiting = self._waiting or self._begun(cmd, options), None
        if child.poll() is not None:
            child = self._begun(cmd, options)
        assert child.stdin is not None
        with suppress(BrokenPipeError):
            child.stdin.write(b"go\n")
            child.stdin.flush()
        timer = Timer(SPARE_AFTER_S, self._prepare, (cmd, options))
        timer.daemon = True
        timer.start()
        return child

    def _prepare(self, cmd: str, options: dict[str, Any]) -> None:
        self._waiting = self._begun(cmd, options)

    def _begun(self, cmd: str, options: dict[str, Any]) -> subprocess.Popen[bytes]:
        child: subprocess.Popen[bytes] = Popen(cmd, stdin=subprocess.PIPE, **options)
        return child


class _Respawned(Process):  # type: ignore[misc]
    """A process with many lives; runs in a process of its own, as honcho has it."""

    def __init__(self, cmd: str, ending: EventType, **options: Any) -> None:
        """`ending` is set once the whole graph is to end."""
        super().__init__(cmd, **options)
        self._ending = ending
        self._short_lives = 0
        self._returncode = 0
        if SPARE in self.env:
            self._child_ctor = _Spares()

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        """Live until an end that is one."""
        while True:
            begun_s = time.monotonic()
            super().run(events, ignore_signals)
            short = time.monotonic() - begun_s < SHORT_LIFE_S
            self._short_lives = self._short_lives + 1 if short else 0
            if self._is_end():
                super()._send_message({"returncode": self._returncode}, type="stop")
                return
            self._send_message(f"{_described(self._returncode)}; it is started anew\n".encode())
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)  # the next life would inherit what we ignore

    def _is_end(self) -> bool:
        broken = self._short_lives >= SHORT_LIVES
        return self._ending.is_set() or self._returncode in ENDS or broken

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


def _described(returncode: int) -> str:
    """How a life ended."""
    if returncode < 0:
        return f"killed by {signal.Signals(-returncode).name}"
    return f"broke off with code {returncode}"
