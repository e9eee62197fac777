"""Which epoch is in force, from what messages carry.

A higher epoch makes lower ones void. But an epoch lives only as long as somebody sends in it: a
source that was started anew may count from below, and one message with a wrong number must not
silence the graph for good.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SILENCE_S = 1.0
HIGHEST = 2**32 - 2**16  # of 32 bits; room for flushes is left


class EpochWatch:
    """The epoch in force.

    Attributes:
        epoch: see above.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        """Epoch 0."""
        self.epoch = 0
        self._now_s = now_s
        self._heard_s = now_s()

    def raise_to(self, epoch: int) -> bool:
        """Take over a higher epoch; whether it is one.

        Raises:
            ValueError: a number beyond all counting.
        """
        if epoch > HIGHEST:
            raise ValueError(f"epoch={epoch}: at most {HIGHEST}; count from the clock's second")
        if epoch <= self.epoch:
            return False
        self.epoch, self._heard_s = epoch, self._now_s()
        return True

    def hear(self, epoch: int) -> bool:
        """A message of `epoch` has come; False where it is void.

        Raises:
            ValueError: a number beyond all counting.
        """
        now_s = self._now_s()
        if epoch < self.epoch:
            if now_s - self._heard_s < SILENCE_S:
                return False
            self.epoch = epoch
        self.raise_to(epoch)
        self._heard_s = now_s
        return True
