"""Settings of the autoregressive flow-matching generator (S3)."""

from __future__ import annotations

from dataclasses import dataclass

from talking_portrait_ros.config import param
from talking_portrait_ros.features.causal_speech.config import (
    ENCODERS,
    LOOKAHEADS_MS,
    feature_space,
)
from talking_portrait_ros.latents.idle import IdleConfig


@dataclass(frozen=True)
class ArFlowMatchingConfig(IdleConfig):
    """The network, how it is sampled, and how much of its motion is shown.

    The amplitudes scale the network's motion and the idle life alike.
    """

    weights: str = param("", "shipped weights; empty: random ones (architecture and speed checks)")
    lookahead_ms: int = param(60, "lookahead of the features that come in",
                              choices=LOOKAHEADS_MS, unit="ms")  # fmt: skip
    encoder: str = param("log_mel", "ears of the features that come in", choices=ENCODERS)
    heard_width: int = param(160, "numbers per frame that one ear of the features gives",
                             minimum=1)  # fmt: skip
    speech_width: int = param(64, "channels of the encoder of the own voice", minimum=1)
    partner_width: int = param(32, "channels of the encoder of the partner's voice", minimum=1)
    lip_nets: int = param(0, "small nets beside the network that hear the own voice; the mouth "
                             "that is shown is their mean with the network's, one vote each",
                          minimum=0)  # fmt: skip
    codes: int = param(20, "numbers that the motion of a frame is inside the network", minimum=1)
    width: int = param(192, "channels of a token", minimum=1)
    depth: int = param(4, "transformer blocks", minimum=1)
    attentions: int = param(1, "self-attentions per block; the seed has two", minimum=1)
    head_width: int = param(32, "width of an attention head, even", minimum=2)
    mlp_ratio: int = param(4, "hidden width of the MLP / width", minimum=1)
    flow_depth: int = param(3, "blocks of the flow-matching head", minimum=1)
    flow_mlp_ratio: int = param(2, "hidden width of its MLPs / width", minimum=1)
    window_frames: int = param(64, "frames that are remembered", minimum=1, unit="frames")
    denoise_steps: int = param(1, "Euler steps per frame", minimum=1, maximum=50, live=True)
    guidance_speaker: float = param(0.0, "pull towards what the own voice says; a pull other than "
                                         "0 asks the network once more per frame, the first one "
                                         "twice", minimum=-1.0, maximum=4.0,
                                    live=True)  # fmt: skip
    guidance_listener: float = param(0.0, "pull towards what the partner's voice says",
                                     minimum=-1.0, maximum=4.0, live=True)  # fmt: skip
    guidance_anchor: float = param(0.0, "pull towards the pose of the reference", minimum=-1.0,
                                   maximum=4.0, live=True)  # fmt: skip
    mouth: float = param(1.0, "how far the mouth moves", minimum=0.0, maximum=2.0, live=True)
    idle: float = param(1.0, "how much idle drift, breathing and wandering of the eyes is added, "
                             "which the network is too small to invent", minimum=0.0,
                        maximum=1.0, live=True)  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.head_width % 2 or self.width % self.head_width:
            raise ValueError(
                f"ArFlowMatchingConfig.head_width={self.head_width}: expected an even number that "
                f"divides the width, {self.width}"
            )
        if self.encoder == "log_mel" and self.heard_width != 160:
            raise ValueError(
                f"ArFlowMatchingConfig.heard_width={self.heard_width}: log_mel ears give 160"
            )
        if self.encoder != "log_mel" and self.lip_nets:
            raise ValueError(
                f"ArFlowMatchingConfig.lip_nets={self.lip_nets}: they hear log_mel alone; 0 with "
                f"{self.encoder}"
            )

    @property
    def n_heads(self) -> int:
        """Attention heads."""
        return self.width // self.head_width

    @property
    def feature_width(self) -> int:
        """Numbers per frame of the features: two ears, and whether the partner speaks."""
        return 2 * self.heard_width + 1

    @property
    def feature_space(self) -> str:
        """Name of the space of the features."""
        return feature_space(self.encoder, self.lookahead_ms)
