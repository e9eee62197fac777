"""How fast a pipeline makes video by itself: one session, block after block, nothing around it.

For presets without weights (the papers' scale), and to see what a machine could do at most. Speed
does not depend on the weights; the pictures of random ones are noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from talking_portrait_ros.chunks import AudioChunk, Chunk, FrameChunk, Header, References
from talking_portrait_ros.evaluation.decoder_speed import peak_memory_mb
from talking_portrait_ros.evaluation.timing import Stopwatch, cpu_threads
from talking_portrait_ros.frames.avatar import drawn_avatar
from talking_portrait_ros.latents.block_rectified_flow.config import BlockRectifiedFlowConfig
from talking_portrait_ros.latents.block_rectified_flow.model import Block, BlockFlow
from talking_portrait_ros.nn.attention import KeysValues
from talking_portrait_ros.pipeline import Pipeline, build_pipeline
from talking_portrait_ros.presets import SKETCHES, Preset, preset

SOUND_LEVEL = 0.1
COUNTED = "block_rectified_flow"


@dataclass(frozen=True)
class PipelineRun:
    """What is measured.

    Attributes:
        preset: name of the pipeline.
        device: torch device.
        n_blocks: blocks to time after the first; take more than fill the window of the past.
        threads: of torch, on a CPU.
        fast: on a GPU, bfloat16 and CUDA graphs.
    """

    preset: str
    device: str = "cpu"
    n_blocks: int = 24
    threads: int = 1
    fast: bool = False


def measure_pipeline(run: PipelineRun) -> dict[str, Any]:
    """Every figure of a run; times in milliseconds.

    Raises:
        ValueError: unknown preset, or stages that do not fit each other.
    """
    with cpu_threads(run.threads):
        return _measured(run) | count_generator(run.preset)


def _measured(run: PipelineRun) -> dict[str, Any]:
    pipeline = build_pipeline(_preset(run.preset), run.device, run.fast)
    clock = Stopwatch(run.device)
    flow, started = clock.time(partial(_Flow, pipeline, clock))
    first_ms = sum(flow.block().values())
    blocks = [flow.block() for _ in range(run.n_blocks)]
    # The slower half: a window of the past is full only now and then.
    totals = np.sort([sum(block.values()) for block in blocks])
    full_ms = float(np.median(totals[len(totals) // 2 :]))
    stages = {
        f"{name}_ms_per_block": float(np.median([block[name] for block in blocks]))
        for name, _ in pipeline.stages
    }
    return {
        "preset": run.preset,
        "device": run.device,
        "fast": run.fast,
        "threads": torch.get_num_threads(),
        "frames_per_block": flow.frames_per_block,
        "blocks": run.n_blocks,
        "references_ms": started.wall_ms,
        "first_block_ms": first_ms,
        "block_ms_median": float(np.median(totals)),
        "block_ms_longest_past": full_ms,
        "fps_longest_past": 1000 * flow.frames_per_block / full_ms,
        **stages,
        "peak_memory_mb": peak_memory_mb(run.device),
    }


class _Flow:
    """Pushes sound through a pipeline, just enough for one block after the other."""

    def __init__(self, pipeline: Pipeline, clock: Stopwatch) -> None:
        self._pipeline, self._clock = pipeline, clock
        clocks = [stage.clock for _, stage in pipeline.stages]
        self.frames_per_block = max(clock.timebase.frames_per_block for clock in clocks)
        self._state = pipeline.start(References((drawn_avatar(),)))
        self._draw = np.random.default_rng(0)
        self._n_sent = 0

    def block(self) -> dict[str, float]:
        """Time that each stage takes until the next block's frames are out."""
        spent = dict.fromkeys((name for name, _ in self._pipeline.stages), 0.0)
        while not self._feed(spent):
            pass
        return spent

    def _feed(self, spent: dict[str, float]) -> bool:
        """One more frame of sound; whether pictures came out."""
        timebase = self._pipeline.timebase
        samples = self._draw.standard_normal(timebase.samples_per_frame, np.float32)
        chunks: list[Chunk] = [
            AudioChunk(Header(), SOUND_LEVEL * samples, timebase.sample_rate_hz, self._n_sent)
        ]
        self._n_sent += len(samples)
        for (name, stage), own in zip(self._pipeline.stages, self._state.stages, strict=True):
            chunks, took = self._clock.time(partial(_stepped, stage, chunks, own))
            spent[name] += took.wall_ms
        return any(isinstance(chunk, FrameChunk) and len(chunk.frames) for chunk in chunks)


def _stepped(stage: Any, chunks: list[Chunk], state: Any) -> list[Chunk]:
    return [out for chunk in chunks for out in stage.step(chunk, state)]


def _preset(name: str) -> Preset:
    return SKETCHES[name] if name in SKETCHES else preset(name)


def count_generator(name: str) -> dict[str, Any]:
    """Tokens, multiply-adds and bytes of a block of the preset's generator, with the longest past.

    Nothing is computed (the network is on torch's meta device); {} where the generator has no
    blocks.
    """
    spec = _preset(name).latents
    if spec.family != COUNTED:
        return {}
    config = BlockRectifiedFlowConfig.from_dict(spec.options).replace(weights="")
    n_batch = 1 if config.guidance == 1 else 2
    longest = config.window_steps - config.block_steps
    with torch.device("meta"):
        model = BlockFlow(config)
        pass_macs = _macs_of_a_pass(model, n_batch, longest)
    passes = config.denoise_steps + (config.commit == "clean")
    n_parameters = sum(weight.numel() for weight in model.parameters())
    ring = 2 * config.depth * n_batch * config.window_steps * config.tokens_per_step * config.width
    return {
        "generator_parameters": n_parameters,
        "tokens_per_block": config.block_steps * config.tokens_per_step,
        "tokens_of_the_past": (longest + 1) * config.tokens_per_step,
        "passes_per_block": passes,
        "batch_of_a_pass": n_batch,
        "gmacs_per_block": passes * pass_macs / 1e9,
        "weights_mb_float32": 4 * n_parameters / 2**20,
        "past_mb_float32": 4 * ring / 2**20,
    }


def _macs_of_a_pass(model: BlockFlow, n_batch: int, n_past: int) -> float:
    """Multiply-adds of one pass over a block; one reference and `n_past` steps before it."""
    config = model.config
    n_tokens = (n_past + 1) * config.tokens_per_step
    shape = (n_batch, config.n_heads, n_tokens, config.head_width)
    past = [KeysValues(torch.empty(shape), torch.empty(shape)) for _ in range(config.depth)]
    side, n_steps = config.latent_size, config.block_steps
    latents = torch.empty(n_batch, n_steps, config.latent_channels, side, side)
    block = Block(
        latents,
        torch.empty(n_batch, n_steps),
        torch.empty(n_batch, n_steps, config.sound_width),
        torch.empty_like(latents),
        latents[:, 0],
        n_past,
        has_first=False,
    )
    with (
        torch.no_grad(),
        FlopCounterMode(display=False) as counter,
        sdpa_kernel(SDPBackend.MATH),
    ):
        model.denoise(block, past)
    return float(counter.get_total_flops() / 2)
