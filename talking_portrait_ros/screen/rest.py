"""The face at rest: what is shown when nothing that belongs on the screen is there."""

from __future__ import annotations

import numpy as np

from talking_portrait_ros.chunks import F32, U8

DECAY = 0.7  # per frame: the mouth closes some frames after the sound has died away
AGEING = 1.005  # per frame: a newer picture is preferred where both are about as quiet
LEAST = 1e-4


class RestingFace:
    """Remembers the picture whose sound was the quietest of late.

    Attributes:
        image: uint8 RGB [H, W, 3]; None before the first frame.
    """

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.image: U8 | None = None
        self._loudness = 0.0
        self._kept = 0.0

    def see(self, image: U8, sound: F32) -> None:
        """A frame is shown with its sound [n]."""
        now = float(np.sqrt(np.mean(np.square(sound)))) if len(sound) else 0.0
        self._loudness = max(now, DECAY * self._loudness)
        self._kept = max(LEAST, AGEING * self._kept)
        if self.image is None or self._loudness <= self._kept:
            self.image, self._kept = image, max(LEAST, self._loudness)
