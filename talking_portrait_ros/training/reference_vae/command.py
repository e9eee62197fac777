"""What `talking-portrait train reference-vae` does."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from talking_portrait_ros.training.reference_vae.clips import ClipMaker, OpenMaker
from talking_portrait_ros.training.reference_vae.config import ReferenceVaeTraining, model_config
from talking_portrait_ros.training.reference_vae.export import export
from talking_portrait_ros.training.reference_vae.flat import FlatClips
from talking_portrait_ros.training.reference_vae.run import CHECKPOINTS, Run, Sources
from talking_portrait_ros.training.reference_vae.trainer import Trainer


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
    run = Run(config, Trainer(config, model_config(config.preset)), _sources(config))
    return run.go()


def smoke_config(config: ReferenceVaeTraining) -> ReferenceVaeTraining:
    """The same, with the tiny model and a curriculum of half a minute."""
    return config.replace(
        preset="ref_vae_tiny", curriculum="128x5x4:100,256/128x5x4:30", learning_rate=2e-3,
        warm_up=20, log_steps=10, evaluate_steps=100, checkpoint_steps=100, evaluation_clips=3,
        ema_decay=0.95, workers=0, pool_clips=64,
    )  # fmt: skip


def _sources(config: ReferenceVaeTraining) -> Sources:
    if config.smoke:
        return Sources(FlatClips, FlatClips)
    if not config.corpus:
        raise ValueError(
            "corpus='': give a corpus pack (make one with `talking-portrait corpus prepare`), or "
            "try with --smoke"
        )
    return Sources(
        _opener(config.corpus, "corpus"), _opener(config.validation or config.corpus, "validation")
    )


def _opener(path: str, field: str) -> OpenMaker:
    if not Path(path).is_file():
        raise ValueError(f"{field}={path!r}: no such file; give a corpus pack")
    return partial(open_corpus, path)


def open_corpus(path: str) -> ClipMaker:
    """The maker of the clips of the pack at `path`."""
    from talking_portrait_ros.training.corpus.corpus import Corpus

    return Corpus.load(path)
