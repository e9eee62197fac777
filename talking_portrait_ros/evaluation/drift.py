"""How far sound and picture come apart when their clocks differ, over simulated hours.

The frames' clock hands a piece of sound to the output with every frame; the sound card takes
blocks by a clock of its own. What lies between them is the output's queue, and by as much as it
is longer or shorter than its reserve, the sound is late or early.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talking_portrait_ros.screen.speaker import BLOCK_MS, OutputQueue
from talking_portrait_ros.timebase import Timebase

S_PER_HOUR = 3600


@dataclass(frozen=True)
class Drift:
    """What came of one difference between the clocks.

    Attributes:
        largest_offset_ms: of sound against picture, early or late.
        underruns: how often the card found nothing to play.
        dropped_samples: that would have been played too late.
    """

    largest_offset_ms: float
    underruns: int
    dropped_samples: int


def simulate_drift(skew_ppm: float, hours: float, timebase: Timebase | None = None) -> Drift:
    """Play for `hours` on a card whose clock is fast by `skew_ppm` millionths."""
    timebase = timebase or Timebase()
    rate_hz, n_piece = timebase.sample_rate_hz, timebase.samples_per_frame
    queue, piece = OutputQueue(rate_hz), np.zeros(n_piece, np.float32)
    n_block = rate_hz * BLOCK_MS // 1000
    n_frames = int(hours * S_PER_HOUR * timebase.fps)
    pulled, largest = 0, 0
    for frame in range(n_frames):
        largest = max(largest, abs(len(queue) - queue.reserve_samples))
        queue.write(piece)
        due = int((frame + 1) * n_piece * (1 + skew_ppm * 1e-6))
        while pulled + n_block <= due:
            queue.pull(n_block)
            pulled += n_block
    return Drift(1000 * largest / rate_hz, queue.underruns, queue.dropped_samples)
