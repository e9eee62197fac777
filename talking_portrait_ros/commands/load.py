"""What a graph costs: CPU and memory per node process, and a yardstick measured beside it."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Any

import cv2
import numpy as np
import psutil

SETTLED_S = 5.0
PERIOD_S = 0.5
MIB = 1024 * 1024


class LoadSampler:
    """Follows the node processes below this one, from the moment each has settled."""

    def __init__(self, nodes: Sequence[str]) -> None:
        """Prepare to follow the processes that run `ros.nodes.<node>`."""
        self._nodes = list(nodes)
        self._samples: dict[str, list[tuple[float, float, float]]] = {n: [] for n in nodes}
        self._stop = Event()
        self._thread = Thread(target=self._follow, name="load", daemon=True)

    def __enter__(self) -> LoadSampler:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def usage(self) -> dict[str, dict[str, float]]:
        """Per node: mean CPU percent of one core, memory at the end, its growth; MB."""
        found = {}
        for node, samples in self._samples.items():
            if len(samples) < 2:
                continue
            (start_s, cpu_before, _), (end_s, cpu_after, rss) = samples[0], samples[-1]
            quarter = max(1, len(samples) // 4)
            early, late = (max(s[2] for s in part) for part in (samples[:quarter], samples))
            found[node] = {
                "cpu_percent": 100 * (cpu_after - cpu_before) / (end_s - start_s),
                "rss_mb": rss,
                "rss_growth_mb": late - early,
            }
        return found

    def _follow(self) -> None:
        while not self._stop.wait(PERIOD_S):
            for process in psutil.Process().children(recursive=True):
                try:
                    self._sample(process)
                except psutil.Error:
                    continue

    def _sample(self, process: psutil.Process) -> None:
        node = self._node_of(process.cmdline())
        if node is None or time.time() - process.create_time() < SETTLED_S:
            return
        times = process.cpu_times()
        rss = process.memory_info().rss / MIB
        self._samples[node].append((time.monotonic(), times.user + times.system, rss))

    def _node_of(self, command: list[str]) -> str | None:
        for node in self._nodes:
            if f"talking_portrait_ros.ros.nodes.{node}" in command:
                return node
        return None


def machine_name() -> str:
    """Processor, cores, memory and system, for people who compare figures."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = lines[0].split(":", 1)[1].strip() if lines else model
    memory_gib = psutil.virtual_memory().total / 1024**3
    return f"{model}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()}"


def remap_ms(size: int = 512, repeats: int = 50) -> float:
    """Median time of one bilinear cv2.remap of a colour picture, milliseconds."""
    generator = np.random.default_rng(0)
    picture = generator.integers(0, 255, (size, size, 3), np.uint8)
    grid: Any = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).astype(np.float32)
    grid += generator.normal(0, 2, grid.shape).astype(np.float32)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        cv2.remap(picture, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR)
        times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times))
