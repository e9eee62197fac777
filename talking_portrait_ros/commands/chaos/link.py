"""Hosts of one machine: a network namespace each, joined by a switch that can be a bad one.

The switch is a process between TAP devices, because few kernels that tests run on have netem: it
delays, loses and cuts frames of the link, and counts their bytes.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import multiprocessing
import os
import random
import selectors
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
CLONE_NEWNET = 0x40000000
FRAME_BYTES = 2048
MOST_WAITING = 20_000  # frames; beyond, new ones are lost, as in a router
SHM = "mount -t tmpfs tmpfs /dev/shm && exec"


class Hosts:
    """Namespaces on one switch; use as a context manager, as root.

    Attributes:
        names: of the namespaces.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """Prepare hosts called `names`, at 10.77.0.1 and following."""
        self.names = [f"tp{os.getpid()}{name}" for name in names]
        context = multiprocessing.get_context("fork")
        self._condition: Any = context.Array("d", [0.0, 0.0, 0.0])  # delay s, loss, cut
        self._n_bytes: Any = context.Array("q", len(names))
        self._context = context
        self._stack = ExitStack()

    def __enter__(self) -> Hosts:
        require_rights()
        try:
            taps = [self._host(index) for index in range(len(self.names))]
        except BaseException:
            self._stack.close()
            raise
        arguments = (taps, self._condition, self._n_bytes)
        switch = self._context.Process(target=serve, args=arguments, daemon=True)
        switch.start()
        self._stack.callback(switch.join)
        self._stack.callback(switch.kill)
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def set_link(self, delay_ms: float = 0.0, loss: float = 0.0, cut: bool = False) -> None:
        """Let every frame that leaves a host wait, be lost with this probability, or all be."""
        self._condition[:] = [delay_ms / 1e3, loss, float(cut)]

    def n_bytes(self) -> int:
        """Bytes that the hosts have sent so far."""
        return sum(self._n_bytes)

    def command(self, host: int, words: Sequence[str]) -> list[str]:
        """`words`, run on a host, with shared memory of its own."""
        return ["ip", "netns", "exec", self.names[host], "sh", "-c", f'{SHM} "$@"', "sh", *words]

    @contextmanager
    def inside(self, host: int) -> Iterator[None]:
        """This thread on a host, and the threads that it starts meanwhile."""
        with Path("/proc/thread-self/ns/net").open() as home:
            with Path("/var/run/netns", self.names[host]).open() as there:
                _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())

    def _host(self, index: int) -> int:
        """A namespace with a TAP device; the device's file."""
        name, device = self.names[index], f"{self.names[index]}0"
        _ip("netns", "add", name)
        self._stack.callback(_ip, "netns", "del", name)
        tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        self._stack.callback(os.close, tap)
        fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TAP | IFF_NO_PI))
        _ip("link", "set", device, "netns", name)
        _ip("-n", name, "addr", "add", f"10.77.0.{index + 1}/24", "dev", device)
        for each in (device, "lo"):
            _ip("-n", name, "link", "set", each, "up")
        return tap


def require_rights() -> None:
    """Refuse to go on where no hosts can be made.

    Raises:
        ValueError: says what is missing.
    """
    if shutil.which("ip") is None:
        raise ValueError("hosts: the program `ip` is missing; apt-get install iproute2")
    if os.geteuid() != 0:
        raise ValueError(
            "hosts: network namespaces need the rights CAP_SYS_ADMIN and CAP_NET_ADMIN; be root"
        )
    if not Path("/dev/net/tun").exists():
        raise ValueError("hosts: /dev/net/tun is missing; load the kernel module tun")


def serve(taps: list[int], condition: Any, n_bytes: Any) -> None:
    """The switch: what comes from one host goes to all others, in time or never."""
    waiting: list[tuple[float, int, int, bytes]] = []
    selector, chance, number = selectors.DefaultSelector(), random.Random(0), 0
    for index, tap in enumerate(taps):
        selector.register(tap, selectors.EVENT_READ, index)
    while True:
        wait_s = waiting[0][0] - time.monotonic() if waiting else 0.5
        for key, _ in selector.select(max(0.0, wait_s)):
            delay_s, loss, cut = condition[:]
            frame = os.read(key.fd, FRAME_BYTES)
            n_bytes[key.data] += len(frame)
            if not cut and chance.random() >= loss and len(waiting) < MOST_WAITING:
                number += 1
                heapq.heappush(waiting, (time.monotonic() + delay_s, number, key.data, frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, source, frame = heapq.heappop(waiting)
            for index, tap in enumerate(taps):
                if index != source:
                    with suppress(OSError):  # a queue is full, or the host has gone
                        os.write(tap, frame)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"hosts: `ip {' '.join(words)}` failed: {done.stderr.strip()}")


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
