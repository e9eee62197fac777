"""Settings of the block-wise autoregressive rectified-flow generator (S1)."""

from __future__ import annotations

from dataclasses import dataclass

from talking_portrait_ros.config import param
from talking_portrait_ros.features.causal_speech.config import ENCODERS, LOOKAHEADS_MS
from talking_portrait_ros.features.causal_speech.config import MAX_LOOKAHEAD_MS as MAX_CAUSAL_MS
from talking_portrait_ros.features.causal_speech.config import feature_space as causal_space
from talking_portrait_ros.features.log_mel.config import MAX_LOOKAHEAD_MS, SLOT_MS
from talking_portrait_ros.features.log_mel.config import feature_space as log_mel_space
from talking_portrait_ros.features.log_mel.ear import FRAME_WIDTH
from talking_portrait_ros.latents.idle import IdleConfig


@dataclass(frozen=True)
class BlockRectifiedFlowConfig(IdleConfig):
    """The transformer, how it is sampled, and what it is told about sound and motion.

    `seed` and the amplitudes of the idle life steer the guide; where `guide` is off they have no
    effect and the face lives by the noise alone.
    """

    weights: str = param("", "shipped weights; empty: random ones (architecture and speed checks)")
    vae: str = param("", "weights of the reference VAE whose latents are made; empty: those of a "
                         "random one")  # fmt: skip
    latent_channels: int = param(64, "channels of the latent", minimum=1)
    latent_size: int = param(8, "height and width of the latent", minimum=1)
    frames_per_step: int = param(4, "frames that a latent step of the VAE describes",
                                 choices=(1, 2, 4))  # fmt: skip
    max_references: int = param(3, "pictures of the person used, the first ones", minimum=1,
                                maximum=3)  # fmt: skip
    lookahead_ms: int = param(
        60, "lookahead of the features that come in",
        choices=tuple(range(0, MAX_LOOKAHEAD_MS + 1, SLOT_MS)), unit="ms",
    )  # fmt: skip
    encoder: str = param("log_mel", "ears of the features that come in; wav2vec2: those of "
                                    "causal_speech", choices=ENCODERS)  # fmt: skip
    heard_width: int = param(FRAME_WIDTH, "numbers per frame that an ear gives",
                             minimum=1)  # fmt: skip
    mouth: float = param(1.0, "how far the mouth moves", minimum=0.0, maximum=2.0, live=True)
    guide: bool = param(True, "tell the network the motion that audio_regression would make; "
                              "off: it hears the sound alone")  # fmt: skip
    guide_lips: str = param("", "weights of ar_flow_matching whose lip nets have a say in the "
                                "guide's mouth; empty: none")  # fmt: skip
    speech_width: int = param(64, "channels of the speech encoder", minimum=1)
    sound_width: int = param(128, "numbers per latent step that tell of sound and guide",
                             minimum=1)  # fmt: skip
    patch: int = param(2, "side of the square of latent positions that is one token", minimum=1)
    width: int = param(288, "channels of a token", minimum=1)
    depth: int = param(6, "transformer blocks", minimum=1)
    head_width: int = param(32, "width of an attention head, a multiple of 8", minimum=8)
    mlp_ratio: int = param(4, "hidden width of the MLP / width", minimum=1)
    modulation: str = param("shared", "AdaLN: one for all blocks (with an offset each), or one "
                                      "per block", choices=("shared", "own"))  # fmt: skip
    prediction: str = param("clean", "what the network says: the clean latents or the velocity",
                            choices=("clean", "velocity"))  # fmt: skip
    anchor: str = param("draft", "what latents are differences from: those of a small drawing "
                                 "of the guide's motion, those of the first reference, or none",
                        choices=("none", "reference", "draft"))  # fmt: skip
    correction: float = param(1.0, "share of the network's difference from the anchor that is "
                                   "taken", minimum=0.0, maximum=1.0)  # fmt: skip
    block_steps: int = param(4, "latent steps that are made at once", minimum=1)
    window_steps: int = param(32, "latent steps that are seen, the new block included",
                              minimum=2)  # fmt: skip
    carried_steps: int = param(28, "newest steps that stay when the window is full; the paper "
                                   "keeps one block", minimum=1)  # fmt: skip
    denoise_steps: int = param(2, "Euler steps per block", minimum=1)
    shift: float = param(1.0, "timestep shift of the Euler steps", minimum=0.1)
    guidance: float = param(1.0, "classifier-free guidance towards sound and references together; "
                                 "1: none, one pass", minimum=0.0)  # fmt: skip
    commit: str = param("clean", "what the next blocks see of a block: keys and values of a pass "
                                 "over the finished latents, or of the last Euler step",
                        choices=("clean", "last"))  # fmt: skip
    fast: bool = param(False, "as a GPU runs it best: bfloat16, passes recorded as CUDA graphs")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("patch", self.latent_size % self.patch == 0,
                      f"a divisor of latent_size, {self.latent_size}")  # fmt: skip
        ok = self.head_width % 8 == 0 and self.width % self.head_width == 0
        self._require("head_width", ok, f"a multiple of 8 that divides the width, {self.width}")
        is_raw = self.encoder == "log_mel"
        ok = not is_raw or self.heard_width == FRAME_WIDTH
        self._require("heard_width", ok, f"{FRAME_WIDTH}, as log_mel ears give")
        self._require("guide", is_raw or not self.guide, "false: the guide hears log_mel only")
        ok = self.lookahead_ms in LOOKAHEADS_MS
        self._require("guide_lips", ok or not self.guide_lips,
                      f"'' with lookahead_ms={self.lookahead_ms}; lip nets know "
                      f"{', '.join(map(str, LOOKAHEADS_MS))}")  # fmt: skip
        ok = is_raw or ok
        self._require("lookahead_ms", ok, f"at most {MAX_CAUSAL_MS} with wav2vec2")
        ok = self.guide or self.anchor != "draft"
        self._require("anchor", ok, "reference or none where there is no guide")
        ok = self.correction == 1 or (self.is_anchored and self.prediction == "clean")
        self._require("correction", ok, "1 where there is no anchor or no clean prediction")
        most = self.window_steps - self.block_steps
        self._require("block_steps", most >= 1, "fewer than window_steps")
        self._require("carried_steps", self.carried_steps <= most,
                      f"at most window_steps - block_steps, {most}")  # fmt: skip

    @property
    def is_anchored(self) -> bool:
        """Latents are differences from something."""
        return self.anchor != "none"

    def _require(self, name: str, ok: bool, expected: str) -> None:
        if not ok:
            raise ValueError(
                f"BlockRectifiedFlowConfig.{name}={getattr(self, name)!r}: expected {expected}"
            )

    @property
    def tokens_per_step(self) -> int:
        """Tokens of one latent step or of one reference."""
        return (self.latent_size // self.patch) ** 2

    @property
    def n_heads(self) -> int:
        """Attention heads."""
        return self.width // self.head_width

    @property
    def feature_space(self) -> str:
        """Name of the space of the features."""
        if self.encoder == "log_mel":
            return log_mel_space(self.lookahead_ms)
        return causal_space(self.encoder, self.lookahead_ms)

    @property
    def feature_width(self) -> int:
        """Numbers per frame of the features; `causal_speech` tells of the partner, too."""
        return self.heard_width if self.encoder == "log_mel" else 2 * self.heard_width + 1

    @property
    def space(self) -> str:
        """Name of the latent space, that of the VAE."""
        return f"video/{(self.vae or 'ref_vae_random').replace('_', '-')}"
