"""How long a generator thinks by itself: one session, one frame of features at a time.

Weights that are not there are random: speed does not depend on them, motion does.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from talking_portrait_ros.latents import family
from talking_portrait_ros.pipeline import build_stage
from talking_portrait_ros.presets import StageSpec, latents_spec
from talking_portrait_ros.synthetic import split_chunk, synthetic_input, synthetic_references
from talking_portrait_ros.weights import weights_names

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
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return _measured(name, device, n_frames)
    finally:
        torch.set_num_threads(before)


def _measured(name: str, device: str, n_frames: int) -> dict[str, Any]:
    spec, weights = _spec(name)
    stage = build_stage("latents", spec, device)
    whole = synthetic_input(stage, N_WARM_UP + n_frames)
    pieces = split_chunk(whole, [1] * (N_WARM_UP + n_frames), stage.clock.timebase)
    state, took_ms, cpu_ms = stage.start(synthetic_references()), [], []
    for piece in pieces:
        begun_s, cpu_s = time.perf_counter(), time.process_time()
        stage.step(piece, state)
        took_ms.append(1000 * (time.perf_counter() - begun_s))
        cpu_ms.append(1000 * (time.process_time() - cpu_s))
    frames_ms = np.array(took_ms[N_WARM_UP:])
    return {
        "generator": name,
        "weights": weights,
        "device": device,
        "threads": torch.get_num_threads(),
        "frames": n_frames,
        "frame_ms_median": float(np.median(frames_ms)),
        "frame_ms_p95": float(np.quantile(frames_ms, 0.95)),
        "frame_cpu_ms_median": float(np.median(cpu_ms[N_WARM_UP:])),
        "frame_ms_mean": float(frames_ms.mean()),  # of blocks: the share of each frame
    }


def _spec(name: str) -> tuple[StageSpec, str | None]:
    """The stage to build, and its weights: their name, "random", or None where it has none."""
    spec = latents_spec(name)
    config = family(spec.family).config.from_dict(spec.options)
    if not hasattr(config, "weights"):
        return spec, None
    if config.weights in weights_names():
        return spec, str(config.weights)
    return spec.with_options(weights=""), "random"
