"""How fast a decoder draws by itself: one session, one latent step at a time, nothing around it.

Weights that are not there are random: speed does not depend on them, pictures do.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from talking_portrait_ros.chunks import Chunk, Reference, References
from talking_portrait_ros.evaluation.timing import (
    Stopwatch,
    Time,
    cpu_threads,
    with_weights_that_exist,
)
from talking_portrait_ros.frames import family
from talking_portrait_ros.frames.avatar import drawn_avatar
from talking_portrait_ros.pipeline import build_stage, hastened
from talking_portrait_ros.stage import Stage
from talking_portrait_ros.stage_specs import StageSpec, frames_spec
from talking_portrait_ros.synthetic import split_chunk, synthetic_input

AnyStage = Stage[Any, Any, Any]
MATMUL_SIDE = 1024
N_WARM_UP = 3
N_STARTS = 3


@dataclass(frozen=True)
class DecoderRun:
    """What is measured.

    Attributes:
        frames: name of the frames stage (`presets.FRAMES`).
        device: torch device.
        n_steps: latent steps to time.
        n_references: pictures of the person, 0 to 3.
        threads: of torch and OpenCV, on a CPU.
        fast: on a GPU, bfloat16 and one CUDA graph per latent step.
    """

    frames: str
    device: str = "cpu"
    n_steps: int = 100
    n_references: int = 1
    threads: int = 1
    fast: bool = False


def measure_decoder(run: DecoderRun) -> dict[str, Any]:
    """Every figure of a run; times in milliseconds.

    Raises:
        ValueError: unknown stage, or one that cannot do without a picture.
    """
    with cpu_threads(run.threads):
        return _measured(run)


def _measured(run: DecoderRun) -> dict[str, Any]:
    spec, weights = _spec(run)
    stage = build_stage("frames", spec, run.device)
    clock = Stopwatch(run.device)
    starts = [clock.time(partial(stage.start, item))[1].wall_ms for item in _references(run)]
    per_step = stage.clock.timebase.frames_per_latent_step
    first, steps, matmuls = _timed_steps(stage, run, clock)
    frames_ms = np.array([each.wall_ms for each in steps]) / per_step
    macs = _macs_of_a_step(stage, run) / per_step
    matmul_ms = float(np.median([each.wall_ms for each in matmuls]))
    median_ms = float(np.median(frames_ms))
    macs_per_ms = MATMUL_SIDE**3 / matmul_ms
    return {
        "frames": run.frames,
        "weights": weights,
        "device": run.device,
        "references": run.n_references,
        "threads": torch.get_num_threads(),
        "fast": run.fast,
        "latent_steps": run.n_steps,
        "frames_per_latent_step": per_step,
        "frame_ms_median": median_ms,
        "frame_ms_p95": float(np.quantile(frames_ms, 0.95)),
        "frame_cpu_ms_median": float(np.median([each.cpu_ms for each in steps])) / per_step,
        "fps": 1000 / median_ms,
        "first_frame_ms": first.wall_ms,
        "references_ms": float(np.median(starts[1:])),
        "parameters": _parameters(stage),
        "macs_per_frame": macs,
        "peak_memory_mb": peak_memory_mb(run.device),
        "matmul_ms": matmul_ms,
        "matmul_gmacs_per_s": macs_per_ms / 1e6,
        "frame_per_matmul": median_ms / matmul_ms,
        "share_of_matmul_speed": macs / macs_per_ms / median_ms,
    }


def _spec(run: DecoderRun) -> tuple[StageSpec, str | None]:
    """The stage to build, and its weights; see `with_weights_that_exist`."""
    spec = frames_spec(run.frames)
    config = family(spec.family).config.from_dict(spec.options)
    if run.fast:
        spec = hastened("frames", spec, run.device)
    if not run.n_references:
        if not hasattr(config, "max_references"):
            raise ValueError(f"references=0: {run.frames} draws from a picture; give 1 or more")
        spec = spec.with_options(max_references=0)
    return with_weights_that_exist("frames", spec)


def _references(run: DecoderRun) -> Iterator[References]:
    """Different pictures for each start, so that nothing is found ready made."""
    avatar = drawn_avatar()
    for start in range(N_STARTS + 1):
        items = [_darker(avatar, 4 * start + index) for index in range(max(run.n_references, 1))]
        yield References(tuple(items))


def _darker(reference: Reference, by: int) -> Reference:
    return replace(reference, image=np.maximum(reference.image, by) - np.uint8(by))


def _timed_steps(
    stage: AnyStage, run: DecoderRun, clock: Stopwatch
) -> tuple[Time, list[Time], list[Time]]:
    """The first frame of a session, later latent steps, and matrix products between them."""
    first, *rest = _pieces(stage, run.n_steps + N_WARM_UP + 1)
    references = next(_references(run))
    state = stage.start(references)
    stage.step(first, state)
    state = stage.start(references)
    _, first_time = clock.time(partial(stage.step, first, state))
    draw = partial(stage.step, state=state)
    dtype = torch.bfloat16 if run.fast else torch.float32
    a, b = torch.rand(2, MATMUL_SIDE, MATMUL_SIDE, device=run.device, dtype=dtype)
    steps, matmuls = [], []
    for piece in rest:
        steps.append(clock.time(partial(draw, piece))[1])
        matmuls.append(clock.time(partial(torch.matmul, a, b))[1])
    return first_time, steps[N_WARM_UP:], matmuls[N_WARM_UP:]


def _pieces(stage: AnyStage, n_steps: int) -> list[Chunk]:
    timebase = stage.clock.timebase
    whole = synthetic_input(stage, timebase.frames_of_steps(n_steps))
    return split_chunk(whole, [1] * n_steps, timebase)


def _macs_of_a_step(stage: AnyStage, run: DecoderRun) -> float:
    """Multiply-adds of convolutions, matrix products and attention in any step but the first.

    What OpenCV and plain arithmetic do is not counted.
    """
    first, second = _pieces(stage, 2)
    state = stage.start(next(_references(run)))
    stage.step(first, state)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        stage.step(second, state)
    return float(counter.get_total_flops() / 2)


def _parameters(stage: AnyStage) -> dict[str, int]:
    """Numbers in each part of the networks that the stage holds."""
    networks = [value for value in vars(stage).values() if isinstance(value, nn.Module)]
    return {
        name: sum(tensor.numel() for tensor in part.parameters())
        for network in networks
        for name, part in network.named_children()
    }


def peak_memory_mb(device: str) -> float:
    """Most memory so far: of the GPU, or of this process with all its libraries."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
