"""Silence for C libraries that chatter on the error stream whatever they are told.

ALSA and JACK complain of devices that nobody asked for, MediaPipe of its own models.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """File descriptor 2 shut meanwhile; exceptions are raised as ever."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
