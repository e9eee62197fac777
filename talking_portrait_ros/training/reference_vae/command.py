"""What `talking-portrait train reference-vae` does."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import torch

from talking_portrait_ros.training.corpus.config import CorpusConfig
from talking_portrait_ros.training.loop.history import History
from talking_portrait_ros.training.reference_vae.clips import ClipMaker, OpenMaker
from talking_portrait_ros.training.reference_vae.config import ReferenceVaeTraining, model_config
from talking_portrait_ros.training.reference_vae.export import export
from talking_portrait_ros.training.reference_vae.flat import FlatClips
from talking_portrait_ros.training.reference_vae.run import CHECKPOINTS, Run, Sources
from talking_portrait_ros.training.reference_vae.trainer import Trainer

TRAINING_OVERSAMPLING = 1  # half the time; the eye does not see it at 256
SMOKE_FALL = 1.25  # the loss falls at least to 1 / 1.25 of what it was, on four clips


def train(config: ReferenceVaeTraining) -> list[Path]:
    """Train, try out or export, as the config says; the files that were written.

    Raises:
        ValueError: no corpus, a preset that does not exist, checkpoints of another model, ...
    """
    if config.export:
        return [export(config, Path(config.out) / CHECKPOINTS)]
    torch.set_num_threads(config.threads)
    if config.smoke:
        config = smoke_config(config)
    run = Run(
        config, Trainer(config, model_config(config.preset, config.resampling)), _sources(config)
    )
    paths = run.go()
    if config.smoke:
        _require_learning(run.history, config.stages[0].steps)
    return paths


def smoke_config(config: ReferenceVaeTraining) -> ReferenceVaeTraining:
    """The same in a folder of its own, the tiny model and a curriculum of half a minute."""
    Path(config.out).mkdir(parents=True, exist_ok=True)
    return config.replace(
        out=tempfile.mkdtemp(prefix="smoke_", dir=config.out), preset="ref_vae_tiny",
        curriculum="64x5x2:120,128/64x5x2:12", learning_rate=3e-3, warm_up=20, log_steps=20,
        evaluate_steps=60, checkpoint_steps=60, evaluation_clips=2, ema_decay=0.95, workers=0,
        pool_clips=4, clip_uses=1000,
    )  # fmt: skip


def _require_learning(history: History, steps: int) -> None:
    """The first and the last record of the first stage differ as they should."""
    losses = [r["loss"] for r in history.records if "loss" in r and r["step"] <= steps]
    fall = losses[0] / losses[-1]
    if fall < SMOKE_FALL:
        raise ValueError(
            f"smoke: the loss fell {fall:.2f} times, expected {SMOKE_FALL} or more; something in "
            "the model or in the losses does not learn"
        )


def _sources(config: ReferenceVaeTraining) -> Sources:
    if config.smoke:
        return Sources(FlatClips, FlatClips)
    if not config.corpus:
        raise ValueError(
            "corpus='': give a corpus pack (make one with `talking-portrait corpus prepare`), or "
            "try with --smoke"
        )
    return Sources(
        _opener(config.corpus, "corpus", TRAINING_OVERSAMPLING),
        _opener(config.validation or config.corpus, "validation", CorpusConfig().oversampling),
    )


def _opener(path: str, field: str, oversampling: int) -> OpenMaker:
    if not Path(path).is_file():
        raise ValueError(f"{field}={path!r}: no such file; give a corpus pack")
    return partial(open_corpus, path, oversampling)


def open_corpus(path: str, oversampling: int) -> ClipMaker:
    """The maker of the clips of the pack at `path`."""
    from talking_portrait_ros.training.corpus.corpus import Corpus

    return Corpus.load(path, config=CorpusConfig(oversampling=oversampling))
