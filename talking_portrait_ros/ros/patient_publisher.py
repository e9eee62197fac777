"""A publisher that tries again where the middleware is held up.

Where a process dies with the lock of a shared-memory port in its hand, the threads with which
Fast DDS sends in the others wait for a second, and the writers' locks with them. A writer gives up
after 100 ms, and rclpy raises: in a neighbour of the dead, with nothing wrong in itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from rclpy.exceptions import InvalidHandle
from rclpy.publisher import Publisher

from talking_portrait_ros.ros.free_publisher import FreePublisher

M = TypeVar("M")

PATIENCE_S = 1.5
PAUSE_S = 0.002  # between two tries, if the middleware refuses at once


class PatientPublisher(Generic[M]):
    """Sends, and gives a message up only after a second and a half."""

    def __init__(
        self, publisher: Publisher[M] | FreePublisher[M], on_loss: Callable[[Exception], None]
    ) -> None:
        """Publish with `publisher`; tell `on_loss` why a message was given up."""
        self._publisher = publisher
        self._on_loss = on_loss

    def publish(self, message: M) -> None:
        """Send `message`.

        Raises:
            InvalidHandle: the publisher is being destroyed.
        """
        limit_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._publisher.publish(message)
                return
            except InvalidHandle:
                raise
            except RuntimeError as error:  # rclpy's RCLError is one
                if time.monotonic() >= limit_s:
                    self._on_loss(error)
                    return
            time.sleep(PAUSE_S)

    def get_subscription_count(self) -> int:
        """How many hear it."""
        return self._publisher.get_subscription_count()
