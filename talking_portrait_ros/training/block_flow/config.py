"""Settings of the generator's training and its curriculum."""

from __future__ import annotations

from dataclasses import dataclass

from talking_portrait_ros.config import Config, param
from talking_portrait_ros.device import require_device
from talking_portrait_ros.latents.block_rectified_flow.config import BlockRectifiedFlowConfig
from talking_portrait_ros.stage_specs import latents_spec
from talking_portrait_ros.training.loop.curriculum import Stage, Staged, parse_curriculum
from talking_portrait_ros.weights import FOLDER

KINDS = ("teach", "rollout", "distil")  # see `Stage.kind`
CURRICULUM = "teach:6000,rollout:2000,distil:1000"


@dataclass(frozen=True)
class BlockFlowTraining(Staged, Config):
    """Settings of the training."""

    material: str = param("", "folder of latents to train on, see `corpus encode`")
    validation: str = param("", "folder of latents of people held out; empty: the last clips of "
                                "`material`, which are then not trained on")  # fmt: skip
    out: str = param("out/block_flow", "folder for checkpoints, metrics and pictures")
    preset: str = param("block_flow_512", "the model")
    device: str = param("cpu", "where the model is trained: cpu, cuda, cuda:1")
    precision: str = param("float32", "arithmetic of the layers; bfloat16 needs a GPU",
                           choices=("float32", "bfloat16"))  # fmt: skip
    curriculum: str = param(CURRICULUM, "stages in order, each KIND:STEPS")
    seed: int = param(1, "same seed and material, same weights", minimum=0)
    minutes: float = param(0.0, "write a checkpoint and end after this time; 0: at the last step",
                           minimum=0.0, unit="min")  # fmt: skip
    threads: int = param(1, "CPU threads", minimum=1)
    batch: int = param(8, "clips per step", minimum=1)
    blocks: tuple[int, ...] = param(
        (1, 2, 4), "latent steps per block, drawn per step: one set of weights for several delays"
    )
    stretch_steps: int = param(0, "most latent steps of a clip that are taught at once; 0: all",
                               minimum=0)  # fmt: skip
    shift: float = param(2.0, "how far the times that are taught lean towards the noise",
                         minimum=0.1)  # fmt: skip
    pure_noise: float = param(0.25, "share of blocks that begin at pure noise", minimum=0.0,
                              maximum=1.0)  # fmt: skip
    context_noise: float = param(0.7, "most noise on the past while it is taught", minimum=0.0,
                                 maximum=1.0)  # fmt: skip
    drop_sound: float = param(0.1, "share of clips that are told nothing", minimum=0.0,
                              maximum=1.0)  # fmt: skip
    drop_references: float = param(0.05, "share of clips without references", minimum=0.0,
                                   maximum=1.0)  # fmt: skip
    drop_guide: float = param(0.15, "share of clips without a guide", minimum=0.0, maximum=1.0)
    teacher_steps: int = param(8, "Euler steps whose end the distilled ones learn", minimum=2)
    learning_rate: float = param(6e-4, "highest learning rate", minimum=0.0)
    warm_up: int = param(200, "steps until it is reached", minimum=1)
    lowest_share: float = param(0.05, "last learning rate / highest", minimum=0.0, maximum=1.0)
    weight_decay: float = param(0.01, "weight decay of AdamW", minimum=0.0)
    clip_norm: float = param(1.0, "longest gradient", minimum=0.0)
    ema_decay: float = param(0.999, "share of the old average of the weights, per step",
                             minimum=0.0, maximum=0.99999)  # fmt: skip
    log_steps: int = param(50, "steps per record of the metrics", minimum=1)
    evaluate_steps: int = param(500, "steps between evaluations", minimum=1)
    checkpoint_steps: int = param(500, "steps between checkpoints", minimum=1)
    evaluation_clips: int = param(16, "held-out clips of an evaluation", minimum=1)
    smoke: bool = param(False, "half a minute with the tiny model on made-up latents, to see that "
                               "everything works")  # fmt: skip
    export: str = param("", "do not train: write the newest checkpoint's average as the shipped "
                            "weights of this name, with their card")  # fmt: skip
    weights_folder: str = param(str(FOLDER), "folder for exported weights")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.precision == "bfloat16" and self.device == "cpu":
            raise ValueError("precision=bfloat16 is slower than float32 on a CPU; leave it out")
        if not self.blocks or min(self.blocks) < 1:
            raise ValueError(f"blocks={self.blocks}: expected numbers of latent steps, 1 or more")
        require_device(self.device)
        parse_curriculum(self.curriculum, KINDS)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The curriculum."""
        return parse_curriculum(self.curriculum, KINDS)


def model_config(preset: str) -> BlockRectifiedFlowConfig:
    """The network of `preset`, with random weights.

    Raises:
        ValueError: no such preset, or one of another family.
    """
    spec = latents_spec(preset)
    if spec.family != "block_rectified_flow":
        raise ValueError(f"preset={preset!r} is {spec.family}; choose a block_rectified_flow")
    return BlockRectifiedFlowConfig.from_dict({**spec.options, "weights": ""})
