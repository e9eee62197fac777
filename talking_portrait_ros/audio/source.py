"""What every origin of sound has in common, and the queue that most of them hold."""

from __future__ import annotations

from collections import deque
from typing import Protocol, runtime_checkable

import numpy as np

from talking_portrait_ros.chunks import F32


@runtime_checkable
class Source(Protocol):
    """Mono float32 sound at one rate, read piece by piece; the length need not be known.

    Attributes:
        self_paced: True where samples come at their own pace (a microphone), False where they
            can be had as fast as they are read (a file).
        exhausted: True once nothing more will ever come.
        latency_ns: how long after its capture a sample can be read; 0 for what is not captured.
    """

    @property
    def self_paced(self) -> bool:
        """See above."""
        ...

    @property
    def exhausted(self) -> bool:
        """See above."""
        ...

    @property
    def latency_ns(self) -> int:
        """See above."""
        ...

    def read(self, n_samples: int) -> F32:
        """The next samples, [<= n_samples]; fewer, or none, where there are no more now."""
        ...

    def clear(self) -> None:
        """Drop what is still to be said (a flush): the queue, the rest of the file."""
        ...

    def close(self) -> None:
        """Give back files and devices."""
        ...


class SampleFifo:
    """Samples in, samples out, in order. Not bounded and not locked: its owner sees to both."""

    def __init__(self) -> None:
        """Start empty."""
        self._parts: deque[F32] = deque()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, samples: F32) -> None:
        """Put `samples` [n] at the end."""
        if len(samples):
            self._parts.append(samples)
            self._length += len(samples)

    def take(self, n_samples: int) -> F32:
        """The oldest samples, [<= n_samples]."""
        taken: list[F32] = []
        missing = min(n_samples, self._length)
        self._length -= missing
        while missing:
            part = self._parts.popleft()
            if len(part) > missing:
                self._parts.appendleft(part[missing:])
                part = part[:missing]
            taken.append(part)
            missing -= len(part)
        return np.concatenate(taken) if taken else np.zeros(0, np.float32)

    def clear(self) -> None:
        """Forget everything."""
        self._parts.clear()
        self._length = 0


class Padded:
    """A source with silence before it and after it.

    The silence before gives a face time to appear; the silence after lets the mouth close.
    """

    def __init__(self, source: Source, lead_in_samples: int = 0, tail_samples: int = 0) -> None:
        """Wrap `source`."""
        self._source = source
        self._lead_in = lead_in_samples
        self._tail = tail_samples

    @property
    def self_paced(self) -> bool:
        """As the source."""
        return self._source.self_paced

    @property
    def exhausted(self) -> bool:
        """True once the silence after the source has been read too."""
        return self._source.exhausted and not self._tail

    @property
    def latency_ns(self) -> int:
        """As the source."""
        return self._source.latency_ns

    def read(self, n_samples: int) -> F32:
        """Silence, the source, silence."""
        before = min(n_samples, self._lead_in)
        self._lead_in -= before
        inside = self._source.read(n_samples - before)
        after = 0
        if self._source.exhausted:
            after = min(n_samples - before - len(inside), self._tail)
            self._tail -= after
        return np.concatenate([np.zeros(before, np.float32), inside, np.zeros(after, np.float32)])

    def clear(self) -> None:
        """Clear the source; the silence after it stays."""
        self._lead_in = 0
        self._source.clear()

    def close(self) -> None:
        """Close the source."""
        self._source.close()
