"""The node `frames`."""

from __future__ import annotations

import sys

from talking_portrait_ros.ros.process import run_node
from talking_portrait_ros.ros.stage_node import StageNode, StageParameters

KINDS = ("frames",)

MAX_QUEUE = 7  # older frames would come later than the screen waits for them


def main() -> int:
    """Run the node; the exit code."""
    defaults = StageParameters(max_queue=MAX_QUEUE)
    return run_node(lambda: StageNode("frames", KINDS, defaults), KINDS)


if __name__ == "__main__":
    sys.exit(main())
