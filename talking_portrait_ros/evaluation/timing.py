"""What the speed measurements share: a stopwatch, threads for a while, weights that may be absent.

Weights that are not there are random: speed does not depend on them, what is made does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import cv2
import torch

from talking_portrait_ros.pipeline import KINDS
from talking_portrait_ros.resources import limit_threads
from talking_portrait_ros.stage_specs import StageSpec
from talking_portrait_ros.weights import weights_names

T = TypeVar("T")


@dataclass(frozen=True)
class Time:
    """Of one call: on the clock, and CPU time of all threads of the process."""

    wall_ms: float
    cpu_ms: float


class Stopwatch:
    """Times work on a device: by events on a GPU, by the clock on a CPU."""

    def __init__(self, device: str) -> None:
        self._device = device

    def time(self, work: Callable[[], T]) -> tuple[T, Time]:
        """What one call gives, and how long it takes."""
        cpu_s = time.process_time()
        made, wall_ms = self._timed(work)
        return made, Time(wall_ms, 1000 * (time.process_time() - cpu_s))

    def _timed(self, work: Callable[[], T]) -> tuple[T, float]:
        if not self._device.startswith("cuda"):
            begun_s = time.perf_counter()
            made = work()
            return made, 1000 * (time.perf_counter() - begun_s)
        begin = torch.cuda.Event(enable_timing=True)
        end = torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize(self._device)
        begin.record()
        made = work()
        end.record()
        torch.cuda.synchronize(self._device)
        return made, float(begin.elapsed_time(end))


@contextmanager
def cpu_threads(n_threads: int) -> Iterator[None]:
    """Let torch and OpenCV use so many CPU threads meanwhile."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    limit_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def with_weights_that_exist(kind: str, spec: StageSpec) -> tuple[StageSpec, str | None]:
    """The stage to build, and its weights: their name, "random", or None where it has none."""
    config = KINDS[kind].family(spec.family).config.from_dict(spec.options)
    if not hasattr(config, "weights"):
        return spec, None
    if config.weights in weights_names():
        return spec, str(config.weights)
    return spec.with_options(weights=""), "random"
