"""A process that has loaded what a node needs, and forks the node's lives from itself.

What keeps a node that died from being back is loading: Python, ROS, PyTorch. Its keeper loads
once, forks, and waits; when the node is killed or breaks off, it forks again. The pages are shared
between both, and no model runs here, because threads do not survive a fork. Nothing here needs
rclpy.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

KEEPER = "TALKING_PORTRAIT_KEEPER"
"""Environment variable that makes a node's process its keeper; its value is the preset to load."""

REGULAR_ENDS = (0, 2)
"""A regular end and a user's mistake: no reason to start anew."""

BROKEN = 70
"""Exit code of a keeper whose node broke off again and again."""

SHORT_LIFE_S = 5.0
SHORT_LIVES = 3
SIGNALS = (signal.SIGINT, signal.SIGTERM)
PR_SET_PDEATHSIG = 1


def keep(live: Callable[[], int], kinds: Sequence[str] = ()) -> int:
    """The exit code of `live`: of this process, or of the last one that its keeper has forked.

    Args:
        live: one life of the node.
        kinds: the stages that the node will have.
    """
    preset_name = os.environ.get(KEEPER)
    if preset_name is None:
        return live()
    load_families(kinds, preset_name)
    gc.collect()
    gc.freeze()  # a collection would touch, and so copy, the pages that the lives share
    return _Keeper(live).run()


def load_families(kinds: Sequence[str], preset_name: str) -> None:
    """Import what the stages of these kinds are made of."""
    from talking_portrait_ros.pipeline import KINDS
    from talking_portrait_ros.presets import preset

    if "features" in kinds:
        import_module("talking_portrait_ros.ros.partner_input")
    for kind in kinds:
        KINDS[kind].family(getattr(preset(preset_name), kind).family)


def described(returncode: int) -> str:
    """How a life ended."""
    if returncode < 0:
        return f"killed by {signal.Signals(-returncode).name}"
    return f"broke off with code {returncode}"


class Lives:
    """Counts lives that were short, so that what breaks off again and again is given up."""

    def __init__(self) -> None:
        """None yet."""
        self._n_short = 0
        self._begun_s = 0.0

    def begin(self) -> None:
        """A life begins."""
        self._begun_s = time.monotonic()

    def end(self) -> bool:
        """A life has ended; whether it was one short life too many."""
        short = time.monotonic() - self._begun_s < SHORT_LIFE_S
        self._n_short = self._n_short + 1 if short else 0
        return self._n_short >= SHORT_LIVES


class _Keeper:
    """Forks lives, hands signals on to them, and judges their ends."""

    def __init__(self, live: Callable[[], int]) -> None:
        """No life yet."""
        self._live = live
        self._pid = 0
        self._ending = False

    def run(self) -> int:
        """As `keep`."""
        lives = Lives()
        while True:
            lives.begin()
            self._fork()
            if self._ending:  # told between two lives
                os.kill(self._pid, signal.SIGTERM)
            code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
            broken = lives.end()
            if self._ending or code in REGULAR_ENDS:
                return code if code >= 0 else 128 - code
            if broken:
                return BROKEN
            sys.stderr.write(f"{described(code)}; it is started anew\n")
            sys.stderr.flush()

    def _fork(self) -> None:
        """Begin a life. No signal falls between the handlers of both."""
        keeper = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self._pid = os.fork()
        for number in SIGNALS:
            signal.signal(number, self._pass_on if self._pid else _end)
        if not self._pid:
            _die_with(keeper)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        if not self._pid:
            _live_and_exit(self._live)

    def _pass_on(self, number: int, _frame: object) -> None:
        self._ending = True
        with suppress(ProcessLookupError):  # between two lives
            os.kill(self._pid, number)


def _live_and_exit(live: Callable[[], int]) -> NoReturn:
    """One life. The libraries' exit handlers are left out.

    That of LTTng, which ROS loads, cancels threads that only the keeper has, and crashes.
    """
    code = 1
    try:
        code = live()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _end(_number: int, _frame: object) -> None:
    """Nothing is open yet; the node sets handlers of its own."""
    os._exit(0)


def _die_with(keeper: int) -> None:
    """Let the kernel kill this process when its keeper dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:
        os._exit(1)
