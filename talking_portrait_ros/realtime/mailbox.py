"""A bounded queue between the callback that receives and the thread that works."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Condition
from typing import Generic, Literal, TypeVar

T = TypeVar("T")

Overflow = Literal["drop_oldest", "drop_all"]


class Mailbox(Generic[T]):
    """Items in order of arrival; what does not fit is dropped by a declared rule, and counted.

    "drop_oldest" suits items that stand alone, such as pictures: the newest wins. "drop_all"
    suits a stream: one gap and a fresh start cost less than a gap at every item, and the lag is
    gone at once.
    """

    def __init__(
        self, capacity: int, overflow: Overflow, size: Callable[[T], int] = lambda item: 1
    ) -> None:
        """An empty mailbox.

        Args:
            capacity: sum of the sizes of the items that may wait; a single one always may.
            overflow: what goes when there is more.
            size: of an item.
        """
        if capacity < 1:
            raise ValueError(f"Mailbox.capacity={capacity}: must be 1 or more")
        self.n_dropped = 0
        self._capacity = capacity
        self._overflow = overflow
        self._size = size
        self._items: deque[T] = deque()
        self._closed = self._ended = False
        self._changed = Condition()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def waiting(self) -> int:
        """Sum of the sizes of the items that wait."""
        with self._changed:
            return self._waiting()

    def put(self, item: T) -> int:
        """Add `item`; the number of items that had to go for it."""
        with self._changed:
            n_dropped = 0
            while self._items and self._waiting() + self._size(item) > self._capacity:
                n_gone = 1 if self._overflow == "drop_oldest" else len(self._items)
                for _ in range(n_gone):
                    self._items.popleft()
                n_dropped += n_gone
            self.n_dropped += n_dropped
            self._items.append(item)
            self._changed.notify()
            return n_dropped

    def get(self) -> T | None:
        """The oldest item, waited for; None once the mailbox is closed, or ended and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed or self._ended)
            return None if self._closed or not self._items else self._items.popleft()

    def discard(self, is_void: Callable[[T], bool]) -> int:
        """Remove the items for which `is_void` holds; how many they were."""
        with self._changed:
            before = len(self._items)
            self._items = deque(item for item in self._items if not is_void(item))
            return before - len(self._items)

    def _waiting(self) -> int:
        return sum(self._size(item) for item in self._items)

    def end(self) -> None:
        """Let `get` return None once what waits has been got."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Let `get` return None from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
