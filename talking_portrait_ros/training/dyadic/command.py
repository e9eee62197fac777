"""What `talking-portrait train dyadic` does."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from talking_portrait_ros.features.log_mel.speech_net import SpeechNet
from talking_portrait_ros.spaces import INDEX, MOTION_WIDTH
from talking_portrait_ros.training.conversations.conversation import Conversation
from talking_portrait_ros.training.dyadic.config import DyadicTraining, model_config
from talking_portrait_ros.training.dyadic.export import export
from talking_portrait_ros.training.dyadic.material import Scene, load_scenes, scene
from talking_portrait_ros.training.dyadic.run import Run
from talking_portrait_ros.training.dyadic.trainer import Trainer
from talking_portrait_ros.training.loop.run import CHECKPOINTS

SMOKE_JAW_R = 0.8  # of the jaw with the loudness that moves it
_HELD_OUT_SHARE = 0.05
_SYLLABLE_FRAMES = 10


def train(config: DyadicTraining) -> list[Path]:
    """Train, try out or export, as the config says; the files that were written.

    Raises:
        ValueError: no material, a preset that does not exist, checkpoints of another model, ...
    """
    if config.export:
        return [export(config, Path(config.out) / CHECKPOINTS)]
    torch.set_num_threads(config.threads)
    if config.smoke:
        config = smoke_config(config)
    network = model_config(config.preset)
    training, held_out = _materials(config)
    run = Run(config, Trainer(config, network), training, held_out)
    paths = run.go()
    if config.smoke:
        _require_learning(run)
    return paths


def smoke_config(config: DyadicTraining) -> DyadicTraining:
    """The same in a folder of its own, with the tiny model, for half a minute."""
    Path(config.out).mkdir(parents=True, exist_ok=True)
    return config.replace(
        out=tempfile.mkdtemp(prefix="smoke_", dir=config.out), preset="dyadic_tiny", start_from="",
        curriculum="teach:100,distil:15", batch=4, stretch_frames=32, learning_rate=1e-2,
        warm_up=10, log_steps=20, evaluate_steps=115, checkpoint_steps=115, evaluation_clips=2,
        evaluation_frames=100, ema_decay=0.95,
    )  # fmt: skip


def made_up(n: int, seed: int, n_frames: int = 200) -> list[Scene]:
    """Scenes in which the jaw follows the loudness of the own voice, a noise that comes and goes.

    The head turns while the partner's noise is there.
    """
    generator = np.random.default_rng(seed)
    net = SpeechNet.load()
    return [scene(made_up_conversation(generator, n_frames), net) for _ in range(n)]


def made_up_conversation(generator: np.random.Generator, n_frames: int) -> Conversation:
    """One of `made_up`."""
    is_loud = generator.random((2, -(-n_frames // _SYLLABLE_FRAMES))) < 0.5
    loud = is_loud.repeat(_SYLLABLE_FRAMES, axis=1)[:, :n_frames]  # [2, T]
    level = np.where(loud, 0.1, 0.002).repeat(640, axis=1)
    sound = (level * generator.standard_normal(level.shape)).astype(np.float32)
    motion = np.zeros((n_frames, MOTION_WIDTH), np.float32)
    motion[:, INDEX["jawOpen"]] = 0.5 * loud[0]
    motion[:, INDEX["headYaw"]] = 0.2 * loud[1]
    motion[:, INDEX["eyeBlinkLeft"]] = np.arange(n_frames) % 25 < 3
    events = {"blink": np.arange(0, n_frames, 25)}
    ends = np.zeros(0, np.int64)
    return Conversation(sound[0], sound[1], motion, loud[0], loud[1], ends, events)


def _materials(config: DyadicTraining) -> tuple[Sequence[Scene], Sequence[Scene]]:
    if config.smoke:
        return made_up(8, 1), made_up(2, 2)
    if not config.conversations:
        raise ValueError(
            "conversations='': give a pack of conversations (make one with `talking-portrait "
            "corpus conversations`), or try with --smoke"
        )
    training = load_scenes(config.conversations)
    if config.validation:
        return training, load_scenes(config.validation)
    n_held_out = max(1, int(_HELD_OUT_SHARE * len(training)))
    return training[:-n_held_out], training[-n_held_out:]


def _require_learning(run: Run) -> None:
    jaw_r = run.history.last("jaw_r") or 0.0
    if jaw_r < SMOKE_JAW_R:
        raise ValueError(
            f"smoke: the jaw follows the voice with r = {jaw_r:.2f}, expected {SMOKE_JAW_R} or "
            "more; something in the model or in the losses does not learn"
        )
