"""A whole run: the stages in order, evaluations and checkpoints on the way."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from talking_portrait_ros.commands.load import machine_name
from talking_portrait_ros.training.block_flow.config import BlockFlowTraining
from talking_portrait_ros.training.block_flow.evaluation import evaluate
from talking_portrait_ros.training.block_flow.material import Material
from talking_portrait_ros.training.block_flow.trainer import Trainer
from talking_portrait_ros.training.loop.checkpoints import (
    Checkpoint,
    load_latest,
    save_checkpoint,
)
from talking_portrait_ros.training.loop.history import History, Means, plot_history
from talking_portrait_ros.training.loop.progress import ProgressLine
from talking_portrait_ros.training.loop.stopping import Stopper

CHECKPOINTS = "checkpoints"
PANELS = {
    "loss": ("loss",),
    "held out": (
        "explained_short", "explained_long", "explained_mouth_short", "explained_mouth_long",
        "liveliness",
    ),
}  # fmt: skip


class Run:
    """One run in one folder; it goes on from that folder's newest checkpoint.

    Attributes:
        step: steps done.
        history: what has been measured.
    """

    def __init__(
        self, config: BlockFlowTraining, trainer: Trainer, training: Material, held_out: Material
    ) -> None:
        self.config, self._trainer = config, trainer
        self._training, self._held_out = training, held_out
        self._folder = Path(config.out)
        found = load_latest(self._folder / CHECKPOINTS, config.device)
        self.step = found.step if found else 0
        self.history = History(
            self._folder / "metrics.jsonl", found.facts["history"] if found else ()
        )
        self._seconds: dict[str, float] = found.facts["seconds"] if found else {}
        if found:
            trainer.load(found.tensors)
        else:
            trainer.begin(training)
        self._means = Means()
        device = torch.device(config.device)
        is_gpu = device.type == "cuda"
        self._machine = torch.cuda.get_device_name(device) if is_gpu else machine_name()

    def go(self) -> list[Path]:
        """Train until the last step or until time is up; the files that tell of it."""
        config = self.config
        with (
            Stopper(config.minutes) as stopper,
            ProgressLine(f"block-flow {config.preset}", config.total_steps) as line,
        ):
            while self.step < config.total_steps and not stopper.due:
                self._step()
                line.show(self.step, self._facts())
        self._plot()
        return [self._checkpoint(), self.history.path]

    def _step(self) -> None:
        config, begun_s = self.config, time.monotonic()
        stage = config.stage_at(self.step)
        self._means.add(self._trainer.step(self.step, stage, self._training))
        self.step += 1
        spent = self._seconds.get(self._machine, 0.0) + time.monotonic() - begun_s
        self._seconds[self._machine] = spent
        if self.step % config.log_steps == 0:
            self.history.add({"step": self.step, **self._means.take()})
        if self.step % config.evaluate_steps == 0 or self.step == config.total_steps:
            self._evaluate()
        if self.step % config.checkpoint_steps == 0:
            self._checkpoint()

    def _evaluate(self) -> None:
        model, config = self._trainer.ema.model, self.config
        figures = evaluate(
            model, self._held_out, config.evaluation_clips, config.blocks, config.device
        )
        self.history.add({"step": self.step, **figures})
        self._plot()

    def _plot(self) -> None:
        plot_history(self._folder / "curves.png", self.history, PANELS)

    def _facts(self) -> str:
        words = [str(self.config.stage_at(self.step))]
        for key, name, form in (
            ("loss", "loss", ".4f"), ("step_ms", "ms", ".0f"),
            ("explained_long", "explained long", ".3f"), ("explained_short", "short", ".3f"),
            ("liveliness", "liveliness", ".2f"),
        ):  # fmt: skip
            value = self.history.last(key)
            words += [] if value is None else [f"{name} {value:{form}}"]
        return " ".join(words)

    def _checkpoint(self) -> Path:
        facts = {
            "stage": str(self.config.stage_at(self.step)),
            "config": self.config.to_dict(),
            "model": self._trainer.model.config.to_dict(),
            "seconds": self._seconds,
            "history": self.history.records,
            "vae": self._training.vae,
            "clips": len(self._training),
            "frames_per_clip": self._training.n_frames,
        }
        checkpoint = Checkpoint(self.step, self._trainer.tensors(), facts)
        return save_checkpoint(self._folder / CHECKPOINTS, checkpoint)
