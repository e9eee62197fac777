"""How fast the rig draws here, beside the cheapest thing that could be done instead."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import torch

from talking_portrait_ros.chunks import Reference
from talking_portrait_ros.frames.rig.builder import build_rig
from talking_portrait_ros.frames.rig.config import RigConfig
from talking_portrait_ros.frames.rig.renderer import RigRenderer
from talking_portrait_ros.spaces import MOTION_WIDTH

_SEED = 0
_AMPLITUDE, _POSE = 0.3, 0.05


def measure(
    reference: Reference, resolution: int = 512, batch: int = 1, seconds: float = 5.0,
    device: str = "cpu",
) -> dict[str, float]:  # fmt: skip
    """Time per frame of the renderer, conversion to uint8 included.

    Each round times one batch and one plain cv2.remap of the same size, so that a busy machine
    disturbs both alike.

    Returns:
        Milliseconds per frame (`min_ms`, `p50_ms`, `p95_ms`), CPU time of the calling thread
        (`cpu_p50_ms`), the plain look-up (`remap_p50_ms`), the ratio of the two medians
        (`ratio`), `frames`, `threads`.
    """
    renderer = RigRenderer(build_rig(reference, RigConfig(resolution=resolution)), device)
    picture = renderer.rig.picture.cpu().numpy()
    line = np.arange(resolution, dtype=np.float32) + 0.3
    maps = np.meshgrid(line, line)
    motions = _motions(batch)
    walls: list[float] = []
    cpus: list[float] = []
    remaps: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(walls) < 3:
        wall, cpu = _timed(partial(_frames, renderer, motions[len(walls) % len(motions)]))
        walls.append(wall / batch)
        cpus.append(cpu / batch)
        plain_look_up = partial(cv2.remap, picture, maps[0], maps[1], cv2.INTER_LINEAR)
        remaps.append(_timed(plain_look_up)[0])
    walls, cpus, remaps = walls[1:], cpus[1:], remaps[1:]  # the first round warms up
    middle, plain = float(np.median(walls)), float(np.median(remaps))
    return {
        "min_ms": min(walls), "p50_ms": middle, "p95_ms": float(np.quantile(walls, 0.95)),
        "cpu_p50_ms": float(np.median(cpus)), "remap_p50_ms": plain, "ratio": middle / plain,
        "frames": float(batch * len(walls)), "threads": float(torch.get_num_threads()),
    }  # fmt: skip


def _frames(renderer: RigRenderer, motion: torch.Tensor) -> torch.Tensor:
    return renderer.render(motion).cpu()


def _motions(batch: int) -> torch.Tensor:
    """Random motion of every control, [32, batch, 58]."""
    generator = torch.Generator().manual_seed(_SEED)
    motion = torch.rand(32, batch, MOTION_WIDTH, generator=generator)
    return torch.cat([_AMPLITUDE * motion[..., :52], _POSE * (2 * motion[..., 52:] - 1)], dim=-1)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall time and CPU time of this thread, milliseconds."""
    wall, cpu = time.perf_counter(), time.thread_time()
    work()
    return 1e3 * (time.perf_counter() - wall), 1e3 * (time.thread_time() - cpu)
