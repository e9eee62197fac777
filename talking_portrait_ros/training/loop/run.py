"""A whole run: the stages in order, evaluations and checkpoints on the way."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from talking_portrait_ros.commands.load import machine_name
from talking_portrait_ros.training.loop.checkpoints import (
    Checkpoint,
    load_latest,
    save_checkpoint,
)
from talking_portrait_ros.training.loop.curriculum import Stage
from talking_portrait_ros.training.loop.history import History, Means, plot_history
from talking_portrait_ros.training.loop.progress import ProgressLine
from talking_portrait_ros.training.loop.stopping import Stopper

CHECKPOINTS = "checkpoints"


class RunConfig(Protocol):
    """What a run wants to know of a training's settings."""

    @property
    def out(self) -> str: ...  # noqa: D102
    @property
    def device(self) -> str: ...  # noqa: D102
    @property
    def preset(self) -> str: ...  # noqa: D102
    @property
    def minutes(self) -> float: ...  # noqa: D102
    @property
    def log_steps(self) -> int: ...  # noqa: D102
    @property
    def evaluate_steps(self) -> int: ...  # noqa: D102
    @property
    def checkpoint_steps(self) -> int: ...  # noqa: D102
    @property
    def total_steps(self) -> int: ...  # noqa: D102
    def stage_at(self, step: int) -> Stage: ...  # noqa: D102
    def to_dict(self) -> dict[str, Any]: ...  # noqa: D102


class Learns(Protocol):
    """What is trained, with all that a checkpoint keeps of it."""

    def tensors(self) -> dict[str, Tensor]: ...  # noqa: D102
    def load(self, tensors: dict[str, Tensor]) -> None: ...  # noqa: D102


class StagedRun(ABC):
    """One run in one folder; it goes on from that folder's newest checkpoint.

    Attributes:
        title: what is trained, for the progress line.
        panels: curves that are drawn, see `plot_history`.
        shown: metric, its name and format for the progress line.
        step: steps done.
        history: what has been measured.
    """

    title: str
    panels: Mapping[str, Sequence[str]]
    shown: Sequence[tuple[str, str, str]]

    def __init__(self, config: RunConfig, learner: Learns) -> None:
        self._config, self._learner = config, learner
        self.folder = Path(config.out)
        found = load_latest(self.folder / CHECKPOINTS, config.device)
        self.step = found.step if found else 0
        self.history = History(
            self.folder / "metrics.jsonl", found.facts["history"] if found else ()
        )
        self._seconds: dict[str, float] = found.facts["seconds"] if found else {}
        if found:
            learner.load(found.tensors)
        else:
            self.begin()
        self._means = Means()
        device = torch.device(config.device)
        is_gpu = device.type == "cuda"
        self._machine = torch.cuda.get_device_name(device) if is_gpu else machine_name()

    @abstractmethod
    def begin(self) -> None:
        """Before the first step of a new run."""

    @abstractmethod
    def learn(self, step: int, stage: Stage) -> dict[str, float]:
        """Step `step`, counted from 0; its metrics."""

    @abstractmethod
    def evaluate(self) -> dict[str, float]:
        """How good the averaged weights are."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What the model card will tell of model and material."""

    def go(self) -> list[Path]:
        """Train until the last step or until time is up; the files that tell of it."""
        config = self._config
        with (
            Stopper(config.minutes) as stopper,
            ProgressLine(f"{self.title} {config.preset}", config.total_steps) as line,
        ):
            while self.step < config.total_steps and not stopper.due:
                self._step()
                line.show(self.step, self._words())
        self._plot()
        return [self._checkpoint(), self.history.path]

    def _step(self) -> None:
        config, begun_s = self._config, time.monotonic()
        self._means.add(self.learn(self.step, config.stage_at(self.step)))
        self.step += 1
        spent = self._seconds.get(self._machine, 0.0) + time.monotonic() - begun_s
        self._seconds[self._machine] = spent
        if self.step % config.log_steps == 0:
            self.history.add({"step": self.step, **self._means.take()})
        if self.step % config.evaluate_steps == 0 or self.step == config.total_steps:
            self.history.add({"step": self.step, **self.evaluate()})
            self._plot()
        if self.step % config.checkpoint_steps == 0:
            self._checkpoint()

    def _plot(self) -> None:
        plot_history(self.folder / "curves.png", self.history, self.panels)

    def _words(self) -> str:
        words = [str(self._config.stage_at(self.step))]
        for key, name, form in self.shown:
            value = self.history.last(key)
            words += [] if value is None else [f"{name} {value:{form}}"]
        return " ".join(words)

    def _checkpoint(self) -> Path:
        facts = {
            "stage": str(self._config.stage_at(self.step)),
            "config": self._config.to_dict(),
            "seconds": self._seconds,
            "history": self.history.records,
            **self.facts(),
        }
        checkpoint = Checkpoint(self.step, self._learner.tensors(), facts)
        return save_checkpoint(self.folder / CHECKPOINTS, checkpoint)
