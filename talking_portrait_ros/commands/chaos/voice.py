"""Somebody who talks to the avatar without end, as a synthesiser that streams."""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import TYPE_CHECKING

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.commands.bench import speech

if TYPE_CHECKING:
    from talking_portrait_ros.ros.probe import Probe

RATE_HZ = 16_000
AUDIBLE = 1e-3
PIECE_S = 0.1
AHEAD_S = 0.3


def spoken() -> F32:
    """Speech [n] without a pause at its end."""
    samples = speech()
    return samples[: int(np.flatnonzero(np.abs(samples) > AUDIBLE)[-1])]


class Voice:
    """Pushes `samples`, over and over, a little ahead of real time; a context manager."""

    def __init__(self, probe: Probe, samples: F32) -> None:
        """Prepare to say `samples` [n] at 16 kHz."""
        self._probe, self._samples = probe, samples
        self._stop = Event()
        self._thread = Thread(target=self._talk, name="voice", daemon=True)

    def __enter__(self) -> Voice:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _talk(self) -> None:
        n_piece = int(PIECE_S * RATE_HZ)
        begun_s, n_said = time.monotonic(), 0
        while not self._stop.is_set():
            first = n_said % (len(self._samples) - n_piece)
            self._probe.push(self._samples[first : first + n_piece], RATE_HZ)
            n_said += n_piece
            due_s = begun_s + n_said / RATE_HZ - AHEAD_S
            self._stop.wait(max(0.0, due_s - time.monotonic()))
