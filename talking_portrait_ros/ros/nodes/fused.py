"""The node `fused`: features, latents and frames in one process, handed over directly.

The topics between them stay as taps: they are published while somebody listens.
"""

from __future__ import annotations

import sys

from talking_portrait_ros.ros.process import run_node
from talking_portrait_ros.ros.stage_node import StageNode, StageParameters

KINDS = ("features", "latents", "frames")

MAX_QUEUE = 14  # chunks of 20 ms: frames of older ones would come later than the screen waits


def main() -> int:
    """Run the node; the exit code."""
    defaults = StageParameters(max_queue=MAX_QUEUE)
    return run_node(lambda: StageNode("fused", KINDS, defaults), KINDS)


if __name__ == "__main__":
    sys.exit(main())
