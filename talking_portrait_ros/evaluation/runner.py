"""Runs a pipeline on a sound, file to file as `render` does, and listens between its stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from talking_portrait_ros.chunks import F32, U8, LatentBlock, References
from talking_portrait_ros.evaluation.curves import Curve
from talking_portrait_ros.pipeline import AnyStage, Pipeline, build_pipeline
from talking_portrait_ros.presets import Preset, preset
from talking_portrait_ros.spaces import INDEX, MOTION_ARKIT
from talking_portrait_ros.stage import Clock


class Tap:
    """A stage that also writes down the motion that it puts out."""

    def __init__(self, stage: AnyStage) -> None:
        """Listen at the output of `stage`."""
        self.stage = stage
        self.heard: list[Any] = []
        self.clock: Clock = stage.clock
        self.in_space, self.out_space = stage.in_space, stage.out_space
        self.in_shape = stage.in_shape

    def start(self, references: References) -> Any:
        """As the stage; forgets what was heard before."""
        self.heard = []
        return self.stage.start(references)

    def step(self, chunk: Any, state: Any) -> list[Any]:
        """As the stage."""
        return self._noted(self.stage.step(chunk, state))

    def finish(self, state: Any) -> list[Any]:
        """As the stage."""
        return self._noted(self.stage.finish(state))

    def _noted(self, chunks: list[Any]) -> list[Any]:
        if self.out_space == MOTION_ARKIT:  # of nothing else is anything asked; hours of it weigh
            self.heard += chunks
        return chunks


class Runner:
    """A pipeline of a preset, at a resolution of choice, with a tap behind the generator."""

    def __init__(
        self, name: str, resolution: int | None = None, device: str = "cpu", seed: int = 0
    ) -> None:
        """Build the pipeline of the preset `name`, with the generator's chances of `seed`.

        Raises:
            ValueError: unknown preset, weights missing.
        """
        chosen = at_resolution(preset(name), resolution)
        if seed:
            chosen = replace(chosen, latents=chosen.latents.with_options(seed=seed))
        stages = build_pipeline(chosen, device).stages
        self.name = name
        self._tap = Tap(stages[1][1])
        self.pipeline = Pipeline([stages[0], (stages[1][0], self._tap), *stages[2:]])
        self.timebase = self.pipeline.timebase

    def frames(self, samples: F32, references: References) -> Iterator[U8]:
        """The frames that `samples` [n] become, uint8 RGB [H, W, 3] each."""
        return self.pipeline.render(samples, references)

    def opening(self) -> Curve | None:
        """The lip opening that the generator asked for in the last run, [T]; see `opening_of`.

        None where the latent space has no such number.
        """
        if self._tap.out_space != MOTION_ARKIT:
            return None
        blocks: list[LatentBlock] = self._tap.heard
        return opening_of(np.concatenate([block.values for block in blocks]))


def opening_of(motion: F32) -> Curve:
    """How far `motion` [T, 58] opens the lips: the jaw, less what the closed lips take back."""
    jaw, close = motion[:, INDEX["jawOpen"]], motion[:, INDEX["mouthClose"]]
    lips = sum(
        motion[:, INDEX[name]]
        for name in ("mouthLowerDownLeft", "mouthLowerDownRight",
                     "mouthUpperUpLeft", "mouthUpperUpRight")
    )  # fmt: skip
    return np.asarray(jaw * (1 - close) + 0.1 * lips)


def at_resolution(chosen: Preset, resolution: int | None) -> Preset:
    """The preset with frames of another size."""
    if resolution is None:
        return chosen
    frames = chosen.frames.with_options(resolution=resolution)
    return replace(chosen, frames=frames, resolution=resolution)
