"""What `talking-portrait train block-flow` does."""

from __future__ import annotations

import tempfile
from dataclasses import fields, replace
from pathlib import Path

import torch

from talking_portrait_ros.latents.block_rectified_flow.config import BlockRectifiedFlowConfig
from talking_portrait_ros.training.block_flow.config import BlockFlowTraining, model_config
from talking_portrait_ros.training.block_flow.export import export
from talking_portrait_ros.training.block_flow.material import Material
from talking_portrait_ros.training.block_flow.run import Run
from talking_portrait_ros.training.block_flow.trainer import Trainer
from talking_portrait_ros.training.loop.run import CHECKPOINTS

SMOKE_EXPLAINED = 0.5  # share of what made-up speech does to made-up latents
_HELD_OUT_SHARE = 0.05


def train(config: BlockFlowTraining) -> list[Path]:
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
    training, held_out = _materials(config, network)
    _require_fit(network, training)
    run = Run(config, Trainer(config, network), training, held_out)
    paths = run.go()
    if config.smoke:
        _require_learning(run)
    return paths


def smoke_config(config: BlockFlowTraining) -> BlockFlowTraining:
    """The same in a folder of its own, with the tiny model, for half a minute."""
    Path(config.out).mkdir(parents=True, exist_ok=True)
    return config.replace(
        out=tempfile.mkdtemp(prefix="smoke_", dir=config.out), preset="block_flow_tiny",
        curriculum="teach:300,rollout:20,distil:20", blocks=(1, 2), batch=8, learning_rate=3e-3,
        warm_up=20, log_steps=20, evaluate_steps=170, checkpoint_steps=170, evaluation_clips=8,
        ema_decay=0.95,
    )  # fmt: skip


def made_up(network: BlockRectifiedFlowConfig, n_clips: int, seed: int) -> Material:
    """Latents that go up and down with the guide's jaw, each clip about its own reference."""
    from talking_portrait_ros.features.log_mel.ear import FRAME_WIDTH
    from talking_portrait_ros.spaces import INDEX, MOTION_WIDTH

    chance = torch.Generator().manual_seed(seed)
    n_steps, side, channels = 6, network.latent_size, network.latent_channels
    per_step = network.frames_per_step
    n_frames = per_step * (n_steps - 1) + 1
    jaw = torch.rand(n_clips, n_steps, generator=chance)
    guide = torch.zeros(n_clips, n_frames, MOTION_WIDTH)
    guide[..., INDEX["jawOpen"]] = jaw.repeat_interleave(per_step, dim=1)[:, per_step - 1 :]
    rest = torch.randn(n_clips, 1, channels, side, side, generator=chance)
    way = torch.randn(channels, side, side, generator=torch.Generator().manual_seed(0))
    change = jaw[..., None, None, None] * way
    return Material(
        latents=rest + change, draft=rest + 0.5 * change,
        references=rest + 0.1 * torch.randn(n_clips, 2, channels, side, side, generator=chance),
        features=torch.randn(n_clips, n_frames, FRAME_WIDTH, generator=chance),
        speech=torch.ones(n_clips, n_frames), guide=guide, vae="made up",
    )  # fmt: skip


def _materials(
    config: BlockFlowTraining, network: BlockRectifiedFlowConfig
) -> tuple[Material, Material]:
    if config.smoke:
        return made_up(network, 64, 1), made_up(network, 16, 2)
    if not config.material:
        raise ValueError(
            "material='': give a folder of latents (make one with `talking-portrait corpus "
            "encode`), or try with --smoke"
        )
    training = Material.load(config.material)
    if config.validation:
        return training, Material.load(config.validation)
    n_held_out = max(1, int(_HELD_OUT_SHARE * len(training)))
    return _part(training, 0, -n_held_out), _part(training, -n_held_out, None)


def _part(material: Material, first: int, last: int | None) -> Material:
    names = [field.name for field in fields(Material) if field.name != "vae"]
    return replace(material, **{name: getattr(material, name)[first:last] for name in names})


def _require_fit(network: BlockRectifiedFlowConfig, material: Material) -> None:
    found = tuple(material.latents.shape[2:])
    side = network.latent_size
    expected = (network.latent_channels, side, side)
    if found != expected:
        raise ValueError(
            f"material: latents are {found}, the preset works on {expected}; encode with the VAE "
            "that the preset names"
        )


def _require_learning(run: Run) -> None:
    explained = run.history.last("explained_long") or 0.0
    if explained < SMOKE_EXPLAINED:
        raise ValueError(
            f"smoke: {explained:.2f} of the change was foreseen, expected {SMOKE_EXPLAINED} or "
            "more; something in the model or in the losses does not learn"
        )
