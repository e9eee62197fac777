"""The node `latents`."""

from __future__ import annotations

import sys

from talking_portrait_ros.ros.process import run_node
from talking_portrait_ros.ros.stage_node import StageNode, StageParameters

KINDS = ("latents",)


def main() -> int:
    """Run the node; the exit code."""
    return run_node(lambda: StageNode("latents", KINDS, StageParameters()), KINDS)


if __name__ == "__main__":
    sys.exit(main())
