"""Processes that are loaded and wait to take over from one that dies. Nothing here needs rclpy.

Their supervisor says go, on their standard input; when it ends, so do they.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

SPARE = "TALKING_PORTRAIT_SPARE"
"""Environment variable of a process that is to wait; its value is the preset to load."""


def may_begin(prepare: Callable[[str], None]) -> bool:
    """True at once for an ordinary process; for a spare when it is told, false when it is not."""
    preset_name = os.environ.get(SPARE)
    if preset_name is None:
        return True
    prepare(preset_name)
    return bool(sys.stdin.readline())


def preload(kinds: Sequence[str], preset_name: str) -> None:
    """Load the libraries of these stages, and let each make its first steps."""
    from talking_portrait_ros.pipeline import build_stage
    from talking_portrait_ros.presets import preset
    from talking_portrait_ros.realtime.warm_up import warm_up

    for kind in kinds:
        spec = getattr(preset(preset_name), kind)
        if spec.family != "replay":  # it needs its file
            warm_up(build_stage(kind, spec))
