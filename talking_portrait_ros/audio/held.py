"""A source that waits for its audience, and stays when it has said everything."""

from __future__ import annotations

from threading import Event

import numpy as np

from talking_portrait_ros.audio.source import Source
from talking_portrait_ros.chunks import F32


class HeldSource:
    """Nothing until `release`, then the source; silence stands in meanwhile.

    With `endless` it never counts as exhausted, so that a face idles on after the last word.
    """

    def __init__(self, source: Source, endless: bool) -> None:
        """Wrap `source`."""
        self._source = source
        self._endless = endless
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
        return self._source.exhausted and not self._endless

    @property
    def latency_ns(self) -> int:
        """As the source."""
        return self._source.latency_ns

    def read(self, n_samples: int) -> F32:
        """The source's samples once it is released."""
        if not self._released.is_set():
            return np.zeros(0, np.float32)
        return self._source.read(n_samples)

    def clear(self) -> None:
        """Clear the source."""
        self._source.clear()

    def close(self) -> None:
        """Close the source."""
        self._source.close()
