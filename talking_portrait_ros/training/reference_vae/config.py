"""Settings of the training and its curriculum."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate

from talking_portrait_ros.config import Config, param
from talking_portrait_ros.device import require_device
from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.stage_specs import frames_spec
from talking_portrait_ros.weights import FOLDER

_STAGE = re.compile(r"(\d+)(?:/(\d+))?x(\d+)x(\d+):(\d+)")
FRAMES_PER_STEP = 4
# The base recipe: whole small pictures, then windows of large ones, then large ones in motion.
CURRICULUM = "256x5x4:12000,512/256x5x4:12000,512x9x1:6000"


@dataclass(frozen=True)
class Stage:
    """One part of the curriculum.

    Attributes:
        resolution: height and width at which clips are rendered, pixels.
        crop: side of the window of them that is trained on, pixels; the resolution for all.
        n_frames: frames of a clip, 1 + 4 n.
        batch: clips per step.
        steps: optimiser steps.
    """

    resolution: int
    crop: int
    n_frames: int
    batch: int
    steps: int

    def __str__(self) -> str:
        window = f"/{self.crop}" if self.crop < self.resolution else ""
        return f"{self.resolution}{window}x{self.n_frames}x{self.batch}:{self.steps}"


def parse_curriculum(text: str) -> tuple[Stage, ...]:
    """The stages that `text` describes.

    Raises:
        ValueError: not RESOLUTION[/CROP]xFRAMESxBATCH:STEPS,..., or numbers that cannot be.
    """
    return tuple(_parse_stage(part.strip()) for part in text.split(","))


def _parse_stage(text: str) -> Stage:
    found = _STAGE.fullmatch(text)
    if not found:
        raise ValueError(
            f"curriculum={text!r}: expected RESOLUTION[/CROP]xFRAMESxBATCH:STEPS, for example "
            "512/256x5x4:1000"
        )
    size, crop, n_frames, batch, steps = (int(number or 0) for number in found.groups())
    stage = Stage(size, crop or size, n_frames, batch, steps)
    ok = (
        size % 64 == 0 and 0 < stage.crop <= size and stage.crop % 64 == 0
        and n_frames % FRAMES_PER_STEP == 1 and batch > 0 and steps > 0
    )  # fmt: skip
    if not ok:
        raise ValueError(
            f"curriculum={text!r}: sizes are multiples of 64 and a crop is not larger than the "
            "picture, frames are 1 + 4 n, batch and steps 1 or more"
        )
    return stage


@dataclass(frozen=True)
class LossWeights(Config):
    """What each term of the loss counts."""

    l1: float = param(1.0, "mean absolute difference of colours", minimum=0.0)
    perceptual: float = param(0.5, "structure and detail, see `losses`", minimum=0.0)
    lpips: float = param(0.0, "LPIPS, where the package and its weights are on disk", minimum=0.0)
    kl: float = param(1e-6, "divergence of the latents from the unit Gaussian", minimum=0.0)
    warp: float = param(1.0, "where the references are looked at, against the truth", minimum=0.0)
    base: float = param(0.3, "the linear path's own pictures, which warps are found from",
                        minimum=0.0)  # fmt: skip
    warp_halving_steps: int = param(4000, "steps after which `warp` has halved", minimum=1)
    smoothness: float = param(0.002, "unevenness of the shares of the references", minimum=0.0)
    adversarial: float = param(0.0, "a small PatchGAN's opinion; 0: none", minimum=0.0)
    adversarial_from: int = param(10_000, "step at which the PatchGAN joins", minimum=0)
    mouth: float = param(3.0, "how much more mouth and eyes count, in l1 and perceptual",
                         minimum=0.0)  # fmt: skip


@dataclass(frozen=True)
class ReferenceVaeTraining(Config):
    """Settings of the training."""

    corpus: str = param("", "corpus pack to train on")
    validation: str = param("", "corpus pack of people held out; empty: clips of `corpus` that "
                                "are not trained on")  # fmt: skip
    out: str = param("out/reference_vae", "folder for checkpoints, metrics and pictures")
    preset: str = param("ref_vae_512", "the model")
    resampling: str = param("", "another resampling than the preset's, for an ablation",
                            choices=("", "residual", "interpolation"))  # fmt: skip
    device: str = param("cpu", "where the model is trained: cpu, cuda, cuda:1")
    precision: str = param("float32", "arithmetic of the layers; bfloat16 needs a GPU",
                           choices=("float32", "bfloat16"))  # fmt: skip
    curriculum: str = param(CURRICULUM, "stages in order, each "
                                        "RESOLUTION[/CROP]xFRAMESxBATCH:STEPS")  # fmt: skip
    seed: int = param(1, "same seed and clips, same weights", minimum=0)
    minutes: float = param(0.0, "write a checkpoint and end after this time; 0: at the last step",
                           minimum=0.0, unit="min")  # fmt: skip
    threads: int = param(1, "CPU threads of the training", minimum=1)
    workers: int = param(1, "processes that render clips; 0: rendered between the steps",
                         minimum=0)  # fmt: skip
    pool_clips: int = param(400, "most clips kept for reuse", minimum=1)
    pool_mib: int = param(1536, "most memory that they take", minimum=1, unit="MiB")
    clip_uses: int = param(4, "uses of a clip before a new one may take its place", minimum=1)
    reference_shares: tuple[float, ...] = param(
        (0.15, 0.40, 0.20, 0.25), "share of batches with 0, 1, 2 and 3 references"
    )
    fixed_latents: bool = param(False, "leave the latents as the linear path first gives them, so "
                                       "that generators can learn them meanwhile")  # fmt: skip
    losses: LossWeights = param(LossWeights(), "weights of the losses")
    learning_rate: float = param(4e-4, "highest learning rate", minimum=0.0)
    warm_up: int = param(300, "steps until it is reached", minimum=1)
    lowest_share: float = param(0.05, "last learning rate / highest", minimum=0.0, maximum=1.0)
    weight_decay: float = param(0.01, "weight decay of AdamW", minimum=0.0)
    clip_norm: float = param(1.0, "longest gradient", minimum=0.0)
    accumulate: int = param(1, "batches per optimiser step", minimum=1)
    ema_decay: float = param(0.999, "share of the old average of the weights, per step",
                             minimum=0.0, maximum=0.99999)  # fmt: skip
    log_steps: int = param(50, "steps per record of the metrics", minimum=1)
    evaluate_steps: int = param(1000, "steps between evaluations", minimum=1)
    checkpoint_steps: int = param(500, "steps between checkpoints", minimum=1)
    evaluation_clips: int = param(6, "held-out clips of an evaluation", minimum=1)
    smoke: bool = param(False, "a minute with the tiny model on the drawn avatar, to see that "
                               "everything works")  # fmt: skip
    export: str = param("", "do not train: write the newest checkpoint's average as the shipped "
                            "weights of this name, with their card")  # fmt: skip
    weights_folder: str = param(str(FOLDER), "folder for exported weights")

    def __post_init__(self) -> None:
        super().__post_init__()
        shares = self.reference_shares
        if len(shares) != 4 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-3:
            raise ValueError(
                f"reference_shares={shares}: expected four shares (0, 1, 2, 3 references) that "
                "make 1"
            )
        if self.precision == "bfloat16" and self.device == "cpu":
            raise ValueError("precision=bfloat16 is slower than float32 on a CPU; leave it out")
        require_device(self.device)
        parse_curriculum(self.curriculum)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The curriculum."""
        return parse_curriculum(self.curriculum)

    @property
    def total_steps(self) -> int:
        """Steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> int:
        """Index of the stage that step `step` (from 0) belongs to; the last one afterwards."""
        ends = list(accumulate(stage.steps for stage in self.stages))
        return next((i for i, end in enumerate(ends) if step < end), len(ends) - 1)


def model_config(preset: str, resampling: str = "") -> ReferenceVaeConfig:
    """The network of `preset`, with random weights, and another `resampling` where one is named.

    Raises:
        ValueError: no such preset, or one of another family.
    """
    spec = frames_spec(preset)
    if spec.family != "reference_vae":
        raise ValueError(f"preset={preset!r} is {spec.family}; choose a reference_vae")
    changes = {"resampling": resampling} if resampling else {}
    return ReferenceVaeConfig.from_dict({**spec.options, **changes, "weights": ""})
