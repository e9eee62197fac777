"""A publisher that holds up no other thread while it sends.

rclpy keeps Python's lock (the GIL) while a message is sent. Usually that takes microseconds; but
where another process was killed while it held the lock of shared memory, Fast DDS waits for a
second, and with it every thread of a process that sends. ctypes gives the GIL away meanwhile.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any, Generic, TypeVar

from rclpy.publisher import Publisher
from rclpy.serialization import serialize_message

M = TypeVar("M")


class _Allocator(ctypes.Structure):
    """rcutils_allocator_t; not used for bytes that are not ours to free."""

    _fields_ = [
        (name, ctypes.c_void_p)
        for name in ("allocate", "deallocate", "reallocate", "zero_allocate", "state")
    ]


class _Serialized(ctypes.Structure):
    """rcl_serialized_message_t."""

    _fields_ = [
        ("buffer", ctypes.c_char_p),
        ("length", ctypes.c_size_t),
        ("capacity", ctypes.c_size_t),
        ("allocator", _Allocator),
    ]


class FreePublisher(Generic[M]):
    """rclpy's publisher, for threads that must not hold up others."""

    def __init__(self, publisher: Publisher[M]) -> None:
        """Publish with `publisher`, which stays its node's."""
        self._publisher = publisher

    def publish(self, message: M) -> None:
        """Send `message`.

        Raises:
            RuntimeError: it could not be sent.
        """
        data = serialize_message(message)
        serialized = _Serialized(data, len(data), len(data))
        handle = self._publisher.handle
        with handle:
            failed = _send()(handle.pointer, ctypes.byref(serialized), None)
        if failed:
            raise RuntimeError(
                f"{self._publisher.topic_name}: a message of {len(data)} bytes was not sent "
                f"(rcl code {failed})"
            )

    def get_subscription_count(self) -> int:
        """How many hear it."""
        return self._publisher.get_subscription_count()


@cache
def _send() -> Any:
    send = ctypes.CDLL("librcl.so").rcl_publish_serialized_message  # rclpy has loaded it
    send.argtypes = [ctypes.c_void_p] * 3
    return send
