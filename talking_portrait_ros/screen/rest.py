"""The face at rest: what is shown when nothing that belongs on the screen is there."""

from __future__ import annotations

from collections import deque

import numpy as np

from talking_portrait_ros.chunks import F32, U8

DECAY = 0.7  # per frame: the mouth closes some frames after the sound has died away
AHEAD_FRAMES = 6  # lips open before the sound comes: so long before it no face is at rest
AGEING = 1.005  # per frame: a newer picture is preferred where both are about as quiet
LEAST = 1e-4


class RestingFace:
    """Remembers the picture around which the sound was the quietest of late.

    Attributes:
        image: uint8 RGB [H, W, 3]; None before the first frame.
    """

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.image: U8 | None = None
        self._kept = np.inf
        self._loudness = 0.0
        self._recent: deque[tuple[U8, float]] = deque(maxlen=AHEAD_FRAMES + 1)

    def see(self, image: U8, sound: F32) -> None:
        """A frame is shown with its sound [n]."""
        now = float(np.sqrt(np.mean(np.square(sound)))) if len(sound) else 0.0
        self._loudness = max(now, DECAY * self._loudness)
        self._recent.append((image, self._loudness))
        self._kept *= AGEING
        candidate = self._recent[0][0]
        loudness = max([LEAST, *(loudness for _, loudness in self._recent)])
        settled = len(self._recent) > AHEAD_FRAMES
        if self.image is None or (settled and loudness <= self._kept):
            self.image = candidate
            self._kept = loudness if settled else np.inf
