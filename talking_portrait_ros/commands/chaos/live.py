"""A running avatar that a scenario may harm, watched by a probe."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from typing import Self

    from talking_portrait_ros.ros.probe import Probe, ShownFrame
    from talking_portrait_ros.ros.steering import Steering

NAMESPACE = "chaos"
RUN = [sys.executable, "-m", "talking_portrait_ros", "run"]
START_S = 120.0
END_S = 20.0
SETTLED_FRAMES = 25
NODE = re.compile(r"talking_portrait_ros\.ros\.nodes\.(\w+)")
SEGMENT = re.compile(r"/dev/shm/(fastdds_[0-9a-f]{16})")
MIB = 1024 * 1024


class LiveAvatar:
    """`talking-portrait run --topic` in a ROS domain of its own; use as a context manager.

    Attributes:
        probe: hears and speaks.
    """

    probe: Probe

    def __init__(
        self,
        preset_name: str,
        layout: str,
        namespace: str = NAMESPACE,
        screen: str = "none",
    ) -> None:
        """Prepare; the processes start with the context."""
        self._words = ["--preset", preset_name, "--layout", layout, "--namespace", namespace]
        self._words += ["--screen", screen]
        self._namespace = namespace
        self._runs: list[subprocess.Popen[bytes]] = []
        self._domain = 10 + os.getpid() % 80
        self._log = tempfile.TemporaryFile()  # noqa: SIM115, closed with the context
        self._segments: set[str] = set()
        self._pids: set[int] = set()

    @property
    def environment(self) -> dict[str, str]:
        """With which a process gets into the avatar's domain."""
        return {**os.environ, "ROS_DOMAIN_ID": str(self._domain)}

    def commands(self) -> list[list[str]]:
        """The programs that are the avatar."""
        return [[*RUN, "--topic", *self._words]]

    def make_probe(self) -> Probe:
        """Somebody to look at it."""
        from talking_portrait_ros.ros.probe import Probe

        return Probe(self._namespace, self._domain)

    def __enter__(self) -> Self:
        self._runs = [
            subprocess.Popen(
                command, env=self.environment, stdout=self._log, stderr=subprocess.STDOUT
            )
            for command in self.commands()
        ]
        try:
            self.probe = self.make_probe()
            self.wait(self._is_settled, START_S, "the face does not come to the screen")
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.end()
        self._log.close()

    def end(self) -> None:
        """Ctrl-C, and what does not heed it is killed."""
        self.note_resources()
        for run in self._runs:
            run.send_signal(signal.SIGINT)
        for run in self._runs:
            try:
                run.wait(END_S)
            except subprocess.TimeoutExpired:
                for process in psutil.Process(run.pid).children(recursive=True):
                    process.kill()
                run.kill()
        if hasattr(self, "probe"):
            self.probe.__exit__()

    def nodes(self) -> dict[str, psutil.Process]:
        """The node processes that live now."""
        named = self._named()
        return {name: p for p, name in named.items() if any(k.pid == p.ppid() for k in named)}

    def processes(self, node: str) -> list[psutil.Process]:
        """The processes of one node: its keeper, and itself while it lives."""
        return [process for process, name in self._named().items() if name == node]

    def note_resources(self) -> None:
        """Remember processes and shared memory, to see in the end that nothing is left."""
        for process in self._named():
            self._pids.add(process.pid)
            try:
                maps = Path(f"/proc/{process.pid}/maps").read_text()
            except OSError:
                continue
            self._segments |= set(SEGMENT.findall(maps))

    def orphans(self) -> int:
        """Noted processes that live on; to be asked after the end."""
        return sum(_lives(pid) for pid in self._pids)

    def leaked_segments(self) -> int:
        """Noted shared memory that is still there; to be asked after the end."""
        return sum(Path("/dev/shm", name).exists() for name in self._segments)

    def overdue(self) -> int:
        """Nodes that did not end with the others and had to be killed."""
        from talking_portrait_ros.commands.supervision import OVERDUE

        return self.log().count(OVERDUE)

    def exit_code(self) -> int | None:
        """Of the run, the worst of several; None while it goes on."""
        codes = [run.poll() for run in self._runs]
        return None if None in codes else max(abs(code or 0) for code in codes)

    def log(self) -> str:
        """What the nodes have said so far. They go on writing where this file is open."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace")

    def memory_mb(self) -> dict[str, float]:
        """Resident memory per node."""
        return {name: p.memory_info().rss / MIB for name, p in self.nodes().items()}

    def steering(self, node: str) -> Steering:
        """Lifecycle and parameters of a node."""
        from talking_portrait_ros.ros.steering import Steering

        return Steering(self.probe.node, node)

    def shown(self, from_ns: int, to_ns: int | None = None) -> list[ShownFrame]:
        """The frame periods that were on the screen between two times."""
        last_ns = time.time_ns() if to_ns is None else to_ns
        return [s for s in list(self.probe.shown) if from_ns <= s.screen_ns < last_ns]

    def wait(self, until: Callable[[], bool], timeout_s: float, complaint: str) -> None:
        """Wait until `until()` holds.

        Raises:
            ValueError: it does not in time, or the run has ended; `complaint` with the log.
        """
        limit_s = time.monotonic() + timeout_s
        while not until():
            if time.monotonic() > limit_s or any(run.poll() is not None for run in self._runs):
                raise ValueError(f"chaos: {complaint}; the nodes said: {self.log()[-1500:]}")
            time.sleep(0.02)

    def _named(self) -> dict[psutil.Process, str]:
        """Keepers and the nodes that they have forked, with the nodes' names."""
        going = [psutil.Process(run.pid) for run in self._runs if run.poll() is None]
        found: dict[psutil.Process, str] = {}
        for child in [child for run in going for child in run.children(recursive=True)]:
            try:
                words = child.cmdline()
            except psutil.Error:  # it has just died
                continue
            name = NODE.search(" ".join(words))
            if name and words[0].endswith(Path(sys.executable).name):
                found[child] = name[1]
        return found

    def _is_settled(self) -> bool:
        return sum(s.state == "shown" for s in self.probe.shown) >= SETTLED_FRAMES


def _lives(pid: int) -> bool:
    """Whether a process goes on: one that is dead and that init has not asked for does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
