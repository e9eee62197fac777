"""How long a generator thinks by itself: one session, one frame of features at a time.

Weights that are not there are random: speed does not depend on them, motion does.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from talking_portrait_ros.evaluation.timing import (
    Stopwatch,
    cpu_threads,
    with_weights_that_exist,
)
from talking_portrait_ros.pipeline import build_stage
from talking_portrait_ros.stage_specs import latents_spec
from talking_portrait_ros.synthetic import split_chunk, synthetic_input, synthetic_references

N_WARM_UP = 20


def measure_generator(name: str, device: str, n_frames: int, threads: int) -> dict[str, Any]:
    """Every figure of one run; times in milliseconds, of the frames after a warm-up.

    Args:
        name: generator in `presets.LATENTS`.
        device: torch device.
        n_frames: frames to time.
        threads: of torch, on a CPU.

    Raises:
        ValueError: unknown generator.
    """
    with cpu_threads(threads):
        return _measured(name, device, n_frames)


def _measured(name: str, device: str, n_frames: int) -> dict[str, Any]:
    spec, weights = with_weights_that_exist("latents", latents_spec(name))
    stage = build_stage("latents", spec, device)
    whole = synthetic_input(stage, N_WARM_UP + n_frames)
    pieces = split_chunk(whole, [1] * (N_WARM_UP + n_frames), stage.clock.timebase)
    state, clock = stage.start(synthetic_references()), Stopwatch(device)
    times = [clock.time(partial(stage.step, piece, state))[1] for piece in pieces][N_WARM_UP:]
    frames_ms = np.array([each.wall_ms for each in times])
    return {
        "generator": name,
        "weights": weights,
        "device": device,
        "threads": torch.get_num_threads(),
        "frames": n_frames,
        "frame_ms_median": float(np.median(frames_ms)),
        "frame_ms_p95": float(np.quantile(frames_ms, 0.95)),
        "frame_cpu_ms_median": float(np.median([each.cpu_ms for each in times])),
        "frame_ms_mean": float(frames_ms.mean()),  # of blocks: the share of each frame
    }
