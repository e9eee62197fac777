"""One thread that works off a mailbox, so that a callback never waits for a model."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

from talking_portrait_ros.realtime.mailbox import Mailbox

T = TypeVar("T")


class Worker(Generic[T]):
    """Calls `work` for each item of `mailbox`, one after the other, until it is stopped.

    `work` must not raise: who knows what an error means is the one who hands the work over.
    """

    def __init__(self, name: str, mailbox: Mailbox[T], work: Callable[[T], None]) -> None:
        """Start the thread."""
        self._mailbox = mailbox
        self._work = work
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the mailbox and wait for the item in work."""
        self._mailbox.close()
        self._thread.join()

    def finish(self) -> None:
        """Wait until all that is in the mailbox has been worked off, and end."""
        self._mailbox.end()
        self._thread.join()

    def _run(self) -> None:
        while (item := self._mailbox.get()) is not None:
            self._work(item)
