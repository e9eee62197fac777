"""A source that waits for its audience, and stays when it has said everything."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

import numpy as np

from talking_portrait_ros.audio.source import Source
from talking_portrait_ros.chunks import F32


class HeldSource:
    """Nothing until `release`, then the source; silence stands in meanwhile.

    With `endless` it never counts as exhausted, so that a face idles on after the last word.
    A source that raises while it is read counts as having said everything.
    """

    def __init__(
        self, source: Source, endless: bool, on_failure: Callable[[Exception], None]
    ) -> None:
        """Wrap `source`; `on_failure` is told the error at which it broke off."""
        self._source = source
        self._endless = endless
        self._on_failure = on_failure
        self._failed = False
        self._released = Event()

    def release(self) -> None:
        """Let the source speak; from any thread."""
        self._released.set()

    @property
    def released(self) -> bool:
        """True once it may speak."""
        return self._released.is_set()

    @property
    def self_paced(self) -> bool:
        """As the source."""
        return self._source.self_paced

    @property
    def exhausted(self) -> bool:
        """As the source, unless it is endless."""
        return (self._failed or self._source.exhausted) and not self._endless

    @property
    def latency_ns(self) -> int:
        """As the source."""
        return self._source.latency_ns

    def read(self, n_samples: int) -> F32:
        """The source's samples once it is released, until it fails."""
        if self._released.is_set() and not self._failed:
            try:
                return self._source.read(n_samples)
            except Exception as error:
                self._failed = True
                self._on_failure(error)
        return np.zeros(0, np.float32)

    def clear(self) -> None:
        """Clear the source."""
        self._source.clear()

    def close(self) -> None:
        """Close the source."""
        self._source.close()
