"""Settings of the dyadic generator's training."""

from __future__ import annotations

from dataclasses import dataclass

from talking_portrait_ros.config import Config, param
from talking_portrait_ros.device import require_device
from talking_portrait_ros.features.causal_speech.config import LOOKAHEADS_MS
from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.stage_specs import latents_spec
from talking_portrait_ros.training.loop.curriculum import Stage, Staged, parse_curriculum
from talking_portrait_ros.training.speech_corpus import SpeechCorpusConfig
from talking_portrait_ros.weights import FOLDER

KINDS = ("teach", "distil", "lips")
CURRICULUM = "lips:400,teach:3000"


@dataclass(frozen=True)
class DyadicTraining(Staged, Config):
    """Settings of the training."""

    conversations: str = param("", "packs of conversations to train on, several with commas "
                                   "between them, see `corpus conversations`")  # fmt: skip
    validation: str = param("", "pack of voices held out; empty: the last conversations, which "
                                "are then not trained on")  # fmt: skip
    out: str = param("out/dyadic", "folder for checkpoints, metrics and curves")
    preset: str = param("dyadic_512", "the model")
    begin_with: str = param("", "shipped weights that a new run begins with, as far as the model "
                                "has them; empty: random ones")  # fmt: skip
    speech: SpeechCorpusConfig = param(SpeechCorpusConfig(), "sentences that `lips` stages learn")
    speech_cache: str = param("~/.cache/talking_portrait_ros/corpus", "folder for these")
    start_from: str = param("audio_regression_la60", "shipped weights whose convolutions the own "
                                                     "ear begins with; empty: none")  # fmt: skip
    device: str = param("cpu", "where the model is trained: cpu, cuda, cuda:1")
    curriculum: str = param(CURRICULUM, "stages in order, each KIND:STEPS")
    seed: int = param(1, "same seed and material, same weights", minimum=0)
    minutes: float = param(0.0, "write a checkpoint and end after this time; 0: at the last step",
                           minimum=0.0, unit="min")  # fmt: skip
    threads: int = param(1, "CPU threads", minimum=1)
    batch: int = param(16, "stretches per step", minimum=1)
    stretch_frames: int = param(96, "length of a stretch", minimum=2, unit="frames")
    lookaheads_ms: tuple[int, ...] = param(
        (0, 20, 40, 60, 60, 60, 80), "lookaheads that are drawn from: one set of weights for all"
    )
    spoilt: float = param(0.5, "share of the past's frames that are noise in part", minimum=0.0,
                          maximum=1.0)  # fmt: skip
    forgotten: float = param(0.15, "share of stretches whose past is all noise", minimum=0.0,
                             maximum=1.0)  # fmt: skip
    drop_speaker: float = param(0.1, "share of stretches without the own voice", minimum=0.0,
                                maximum=1.0)  # fmt: skip
    drop_listener: float = param(0.1, "share of stretches without the partner's voice",
                                 minimum=0.0, maximum=1.0)  # fmt: skip
    drop_anchor: float = param(0.1, "share of stretches without an anchor", minimum=0.0,
                               maximum=1.0)  # fmt: skip
    pure_noise: float = param(0.3, "share of frames that begin at pure noise", minimum=0.0,
                              maximum=1.0)  # fmt: skip
    late_frames: int = param(5, "frames at the end of a stretch that count more, their past is "
                                "clean", minimum=0, unit="frames")  # fmt: skip
    late_weight: float = param(3.0, "how much more", minimum=0.0)
    teacher_steps: int = param(8, "Euler steps whose end the distilled ones learn", minimum=2)
    learning_rate: float = param(1e-3, "highest learning rate", minimum=0.0)
    warm_up: int = param(100, "steps until it is reached", minimum=1)
    lowest_share: float = param(0.05, "last learning rate / highest", minimum=0.0, maximum=1.0)
    weight_decay: float = param(0.01, "weight decay of AdamW", minimum=0.0)
    clip_norm: float = param(1.0, "longest gradient", minimum=0.0)
    ema_decay: float = param(0.998, "share of the old average of the weights, per step",
                             minimum=0.0, maximum=0.99999)  # fmt: skip
    log_steps: int = param(50, "steps per record of the metrics", minimum=1)
    evaluate_steps: int = param(500, "steps between evaluations", minimum=1)
    checkpoint_steps: int = param(250, "steps between checkpoints", minimum=1)
    evaluation_clips: int = param(8, "held-out stretches of an evaluation", minimum=1)
    evaluation_frames: int = param(500, "their length", minimum=50, unit="frames")
    smoke: bool = param(False, "half a minute with the tiny model on made-up sounds, to see that "
                               "everything works")  # fmt: skip
    export: str = param("", "do not train: write the newest checkpoint's average as the shipped "
                            "weights of this name, with their card")  # fmt: skip
    weights_folder: str = param(str(FOLDER), "folder for exported weights")

    def __post_init__(self) -> None:
        super().__post_init__()
        wrong = [ms for ms in self.lookaheads_ms if ms not in LOOKAHEADS_MS]
        if wrong or not self.lookaheads_ms:
            raise ValueError(
                f"lookaheads_ms={self.lookaheads_ms}: choose from "
                f"{', '.join(map(str, LOOKAHEADS_MS))}"
            )
        require_device(self.device)
        parse_curriculum(self.curriculum, KINDS)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The curriculum."""
        return parse_curriculum(self.curriculum, KINDS)


def model_config(preset: str) -> ArFlowMatchingConfig:
    """The network of `preset`, with random weights.

    Raises:
        ValueError: no such preset, or one of another family.
    """
    spec = latents_spec(preset)
    if spec.family != "ar_flow_matching":
        raise ValueError(f"preset={preset!r} is {spec.family}; choose an ar_flow_matching")
    return ArFlowMatchingConfig.from_dict({**spec.options, "weights": ""})
