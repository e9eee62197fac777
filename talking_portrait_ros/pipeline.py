"""Sound in, frames out: features, latents and frames joined in one process.

`render`, the fused node and the evaluation all run this. The split layout runs the same stages
in separate processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talking_portrait_ros import features, frames, latents
from talking_portrait_ros.chunks import AudioChunk, Chunk, FrameChunk, Header, References
from talking_portrait_ros.device import require_device, require_gpu_for_fast
from talking_portrait_ros.presets import Preset, preset
from talking_portrait_ros.stage import Stage
from talking_portrait_ros.stage_specs import StageSpec
from talking_portrait_ros.timebase import Timebase

KINDS = {"features": features, "latents": latents, "frames": frames}

AnyStage = Stage[Any, Any, Any]


def hastened(kind: str, spec: StageSpec, device: str) -> StageSpec:
    """`spec` with the option `fast`, where its family has it.

    Raises:
        ValueError: `device` is no GPU.
    """
    require_gpu_for_fast(device)
    config = KINDS[kind].family(spec.family).config
    return spec.with_options(fast=True) if hasattr(config, "fast") else spec


def build_stage(kind: str, spec: StageSpec, device: str = "cpu") -> AnyStage:
    """One stage with its weights, ready to `start`.

    Args:
        kind: "features", "latents" or "frames".
        spec: family and options.
        device: torch device.

    Raises:
        ValueError: unknown family, bad option, no such device, missing or unfit weights.
    """
    require_device(device)
    family = KINDS[kind].family(spec.family)
    stage: AnyStage = family.build(family.config.from_dict(spec.options), device)
    return stage


@dataclass
class PipelineState:
    """The states of the stages, in order of flow."""

    stages: list[Any]


class Pipeline:
    """Stages in a row; itself with the verbs of a stage."""

    def __init__(self, stages: Sequence[tuple[str, AnyStage]]) -> None:
        """Join named stages.

        Raises:
            ValueError: neighbours whose spaces or rates differ.
        """
        for (_, left), (name, right) in zip(stages, stages[1:], strict=False):
            if left.out_space != right.in_space:
                raise ValueError(
                    f"{name} works in {right.in_space!r} but is given {left.out_space!r}; "
                    "choose stages whose spaces match (see presets.py)"
                )
            if left.clock.timebase.fps != right.clock.timebase.fps:
                raise ValueError(
                    f"{name} runs at {right.clock.timebase.fps} fps but is given "
                    f"{left.clock.timebase.fps} fps"
                )
        self.stages = list(stages)

    @property
    def timebase(self) -> Timebase:
        """Sample rate and frame rate of the whole pipeline."""
        return self.stages[0][1].clock.timebase

    @property
    def delay_samples(self) -> int:
        """Algorithmic delay of the whole pipeline, audio samples.

        All lookahead, and the fill of the longest block: what comes in blocks fills those of
        later stages at once.
        """
        clocks = [stage.clock for _, stage in self.stages]
        lookahead = sum(clock.all_lookahead_samples for clock in clocks)
        return lookahead + max(clock.fill_samples for clock in clocks)

    def start(self, references: References) -> PipelineState:
        """Fresh states for one session."""
        return PipelineState([stage.start(references) for _, stage in self.stages])

    def step(self, chunk: AudioChunk, state: PipelineState) -> list[FrameChunk]:
        """The frames that `chunk` completes."""
        chunks: list[Chunk] = [chunk]
        for (_, stage), own in zip(self.stages, state.stages, strict=True):
            chunks = [out for item in chunks for out in stage.step(item, own)]
        return chunks  # type: ignore[return-value]

    def finish(self, state: PipelineState) -> list[FrameChunk]:
        """The frames that are still inside."""
        chunks: list[Chunk] = []
        for (_, stage), own in zip(self.stages, state.stages, strict=True):
            chunks = [out for item in chunks for out in stage.step(item, own)]
            chunks += stage.finish(own)
        return chunks  # type: ignore[return-value]

    def render(
        self,
        samples: NDArray[np.float32],
        references: References,
        chunk_ms: int = 160,
        partner: NDArray[np.float32] | None = None,
    ) -> Iterator[NDArray[np.uint8]]:
        """The frames of a whole sound, one by one.

        Args:
            samples: [n], at the pipeline's sample rate.
            references: the pictures of the person.
            chunk_ms: how much sound is put in at once; changes nothing but the speed.
            partner: what the person in front says meanwhile, [n]; None: nobody does.

        Yields:
            uint8 RGB [H, W, 3], frame k under samples k * samples_per_frame onwards.
        """
        state = self.start(references)
        whole = AudioChunk(Header(), samples, self.timebase.sample_rate_hz, 0, partner)
        n_chunk = self.timebase.ms_to_samples(chunk_ms)
        for first in range(0, len(samples), n_chunk):
            for chunk in self.step(whole.piece(first, first + n_chunk), state):
                yield from chunk.frames
        for chunk in self.finish(state):
            yield from chunk.frames


def build_pipeline(config: Preset | str, device: str = "cpu", fast: bool = False) -> Pipeline:
    """The pipeline of a preset, given by value or by name; `fast`: see `hastened`.

    Raises:
        ValueError: unknown preset, stages that do not fit each other, `fast` without a GPU.
    """
    chosen = preset(config) if isinstance(config, str) else config
    specs = {kind: getattr(chosen, kind) for kind in KINDS}
    if fast:
        specs = {kind: hastened(kind, spec, device) for kind, spec in specs.items()}
    return Pipeline([(kind, build_stage(kind, spec, device)) for kind, spec in specs.items()])
