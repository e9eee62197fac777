"""A whole run: the stages in order, evaluations and checkpoints on the way."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import torch
from torch.nn import functional

from talking_portrait_ros.commands.load import machine_name
from talking_portrait_ros.training.corpus.clip import Clip
from talking_portrait_ros.training.loop.checkpoints import (
    Checkpoint,
    load_latest,
    save_checkpoint,
)
from talking_portrait_ros.training.loop.history import History, Means, plot_history
from talking_portrait_ros.training.loop.progress import ProgressLine
from talking_portrait_ros.training.loop.stopping import Stopper
from talking_portrait_ros.training.reference_vae.batches import features_of
from talking_portrait_ros.training.reference_vae.clips import (
    EXTRA_FRAMES,
    FIRST_HELD_OUT_SEED,
    ClipMaker,
    OpenMaker,
    RenderedClips,
    pool_for,
)
from talking_portrait_ros.training.reference_vae.config import ReferenceVaeTraining, Stage
from talking_portrait_ros.training.reference_vae.evaluation import evaluate
from talking_portrait_ros.training.reference_vae.trainer import Trainer

CHECKPOINTS = "checkpoints"
PANELS = {
    "loss": ("loss", "l1", "perceptual", "warp", "base"),
    "latents": ("kl",),
    "held-out PSNR, dB": ("psnr_m0", "psnr_m1", "psnr_m3"),
    "mouth and eyes, PSNR, dB": ("features_psnr_m0", "features_psnr_m1", "features_psnr_m3"),
}
_LINEAR_PATH_CLIPS, _LINEAR_PATH_FRAMES = 400, 5
_SMALLEST_PX = 64  # that clips are rendered at


@dataclass(frozen=True)
class Sources:
    """Where clips come from: those to train on, and those held out."""

    training: OpenMaker
    held_out: OpenMaker


class Run:
    """One run in one folder; it goes on from that folder's newest checkpoint.

    Attributes:
        step: steps done.
        history: what has been measured.
    """

    def __init__(self, config: ReferenceVaeTraining, trainer: Trainer, sources: Sources) -> None:
        self.config, self._trainer, self._sources = config, trainer, sources
        self._folder = Path(config.out)
        found = load_latest(self._folder / CHECKPOINTS, config.device)
        self.step = found.step if found else 0
        self.history = History(
            self._folder / "metrics.jsonl", found.facts["history"] if found else ()
        )
        self._seconds: dict[str, float] = found.facts["seconds"] if found else {}
        if found:
            trainer.load(found.tensors)
        self._means = Means()

    def go(self) -> list[Path]:
        """Train until the last step or until time is up; the files that tell of it."""
        config = self.config
        with (
            Stopper(config.minutes) as stopper,
            ProgressLine(f"reference-vae {config.preset}", config.total_steps) as line,
        ):
            if self.step == 0:
                self._begin_linear_path()
            while self.step < config.total_steps and not stopper.due:
                self._run_stage(config.stage_at(self.step), stopper, line)
        self._plot()
        return [self._checkpoint(), self.history.path]

    def _run_stage(self, index: int, stopper: Stopper, line: ProgressLine) -> None:
        stage = self.config.stages[index]
        end = list(accumulate(s.steps for s in self.config.stages))[index]
        held_out = self._held_out_clips(stage)
        supply = self._supply(stage, held_out[0])
        try:
            while self.step < end and not stopper.due:
                self._step(stage, supply)
                if self.step % self.config.evaluate_steps == 0 or self.step == end:
                    self._evaluate(stage, held_out)
                line.show(self.step, self._facts(stage))
        finally:
            supply.close()

    def _step(self, stage: Stage, supply: RenderedClips) -> None:
        begun_s = time.monotonic()
        self._means.add(self._trainer.step(self.step, stage, supply))
        self._means.add({"clip_uses": supply.pool.mean_uses})
        self.step += 1
        spent = self._seconds.get(self._machine, 0.0) + time.monotonic() - begun_s
        self._seconds[self._machine] = spent
        if self.step % self.config.log_steps == 0:
            self.history.add({"step": self.step, **self._means.take()})
        if self.step % self.config.checkpoint_steps == 0:
            self._checkpoint()

    def _evaluate(self, stage: Stage, clips: list[Clip]) -> None:
        model, device = self._trainer.ema.model, self.config.device
        evaluation = evaluate(model, clips, stage.n_frames, device)
        size = {"resolution": stage.resolution}
        self.history.add({"step": self.step, **size, **evaluation.figures})
        evaluation.save_picture(self._folder / "pictures" / f"step_{self.step:08d}.png")
        self._plot()

    def _plot(self) -> None:
        plot_history(self._folder / "curves.png", self.history, PANELS)

    def _facts(self, stage: Stage) -> str:
        words = [str(stage)]
        for key, name, form in (
            ("loss", "loss", ".4f"), ("l1", "l1", ".4f"), ("warp", "warp", ".4f"),
            ("step_ms", "ms", ".0f"), ("data_ms", "of which data", ".0f"),
            ("psnr_m0", "dB M=0", ".2f"), ("psnr_m1", "M=1", ".2f"), ("psnr_m3", "M=3", ".2f"),
        ):  # fmt: skip
            value = self.history.last(key)
            words += [] if value is None else [f"{name} {value:{form}}"]
        return " ".join(words)

    def _checkpoint(self) -> Path:
        facts = {
            "stage": str(self.config.stages[self.config.stage_at(self.step)]),
            "config": self.config.to_dict(),
            "model": self._trainer.model.config.to_dict(),
            "seconds": self._seconds,
            "history": self.history.records,
        }
        checkpoint = Checkpoint(self.step, self._trainer.tensors(), facts)
        return save_checkpoint(self._folder / CHECKPOINTS, checkpoint)

    def _begin_linear_path(self) -> None:
        """Principal components of clips as the last stage's are when they are shrunk."""
        stride = self._trainer.model.config.base_stride
        if not stride:
            return
        maker, size = self._sources.training(), self.config.stages[-1].resolution // stride
        drawn = max(size, _SMALLEST_PX)
        made = [maker.clip(seed, drawn, _LINEAR_PATH_FRAMES) for seed in range(_LINEAR_PATH_CLIPS)]
        clips = torch.stack([clip.frames for clip in made]).float() / 255
        small = functional.avg_pool2d(clips.flatten(0, 1), drawn // size)
        features = torch.stack([features_of(clip.coordinates)[:, 0] for clip in made])
        self._trainer.begin_linear_path(small.unflatten(0, clips.shape[:2]), features)

    def _held_out_clips(self, stage: Stage) -> list[Clip]:
        maker: ClipMaker = self._sources.held_out()
        seeds = range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + self.config.evaluation_clips)
        return [maker.clip(seed, stage.resolution, stage.n_frames) for seed in seeds]

    def _supply(self, stage: Stage, like: Clip) -> RenderedClips:
        config = self.config
        n_frames = stage.n_frames + EXTRA_FRAMES
        size = n_frames * like.frames[0].nbytes + like.references.nbytes
        pool = pool_for(size, config.pool_clips, config.pool_mib, config.clip_uses)
        # A run that goes on sees new clips, not those that it began with again.
        first = config.seed + self.step * stage.batch * config.accumulate
        return RenderedClips(
            self._sources.training, stage.resolution, n_frames, pool, first, config.workers
        )

    @cached_property
    def _machine(self) -> str:
        device = torch.device(self.config.device)
        return torch.cuda.get_device_name(device) if device.type == "cuda" else machine_name()
