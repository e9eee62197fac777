"""Settings of the reference-guided deep-compression causal VAE (S1)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from talking_portrait_ros.config import Config, param


@dataclass(frozen=True)
class ReferenceVaeConfig(Config):
    """The network. Level 0 is the picture folded by `patch`; each level halves the size.

    `down_times[i]` and `up_times[i]` say by how much the rate changes
    between level i and i + 1. The levels up to
    `fusion_level` are the paper's E1 and D2, the deeper ones E2 and D1.
    """

    weights: str = param("", "shipped weights; empty: random ones (architecture and speed checks)")
    seed: int = param(0, "seed of random weights", minimum=0)
    resolution: int = param(512, "height and width of the frames", minimum=32, maximum=2048,
                            unit="px")  # fmt: skip
    max_references: int = param(3, "pictures of the person used, the first ones; 0: none",
                                minimum=0, maximum=3)  # fmt: skip
    patch: int = param(8, "side of the square of pixels that is one position of level 0",
                       choices=(1, 2, 4, 8))  # fmt: skip
    latent_channels: int = param(64, "channels of the latent", minimum=1)
    widths: tuple[int, ...] = param((32, 64, 128, 128), "encoder channels per level")
    blocks: tuple[int, ...] = param((1, 1, 1, 1), "encoder residual blocks per level")
    decoder_widths: tuple[int, ...] = param((32, 64, 128, 128), "decoder channels per level")
    decoder_blocks: tuple[int, ...] = param((0, 1, 1, 1), "decoder residual blocks per level")
    time_kernels: tuple[int, ...] = param((1, 1, 1, 3), "temporal kernel per level")
    down_times: tuple[int, ...] = param((2, 2, 1), "division of the rate between levels")
    up_times: tuple[int, ...] = param((4, 1, 1), "multiplication of the rate between decoder "
                                      "levels")  # fmt: skip
    enter_kernel: int = param(1, "first convolution of the encoder", choices=(1, 3))
    resampling: str = param("residual", "residual: with CR-VA shortcuts; interpolation: without",
                            choices=("residual", "interpolation"))  # fmt: skip
    resampling_kernel: int = param(1, "convolution of the resamplings", choices=(1, 3))
    fusion_level: int = param(2, "level at which the references are attended to", minimum=0)
    fusion_blocks: int = param(1, "transformer blocks of the fusion", minimum=0)
    fusion_head: int = param(32, "width of an attention head", minimum=4)
    fusion_mlp_ratio: int = param(2, "hidden width of the MLP / width", minimum=1)
    warp_width: int = param(8, "channels of the reference details that are moved by a predicted "
                                "warp; 0: no warp, cross-attention alone", minimum=0)  # fmt: skip
    paint_width: int = param(24, "channels that the pixels are painted from", minimum=1)
    paint_stride: int = param(2, "pixels per painted one; the references supply what is finer",
                              choices=(1, 2, 4))  # fmt: skip
    motion_channels: int = param(8, "channels of the latent that tell the linear path what moves "
                                    "within a step; 0 where each frame is one",
                                 minimum=0)  # fmt: skip
    linear_cells: int = param(2, "latent positions along a side of the squares that the linear "
                                 "path codes at once", minimum=1)  # fmt: skip
    base_stride: int = param(4, "the linear path works on the picture shrunk by this; 0: none",
                             minimum=0)  # fmt: skip
    fast: bool = param(False, "as a GPU runs it best: bfloat16, steps recorded as CUDA graphs; "
                              "only without a linear path")  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        n_levels = len(self.widths)
        for name in ("blocks", "decoder_widths", "decoder_blocks", "time_kernels"):
            self._require(name, len(getattr(self, name)) == n_levels, f"{n_levels} numbers")
        for name in ("down_times", "up_times"):
            times = getattr(self, name)
            ok = len(times) == n_levels - 1 and set(times) <= {1, 2, 4}
            self._require(name, ok, f"{n_levels - 1} numbers, each 1, 2 or 4")
        same = math.prod(self.up_times) == self.time_factor
        self._require("up_times", same, f"numbers whose product is {self.time_factor}")
        self._require("fusion_level", 0 < self.fusion_level < n_levels, f"1 to {n_levels - 1}")
        self._require("resolution", self.resolution % self.space_factor == 0,
                      f"a multiple of {self.space_factor}")  # fmt: skip
        self._require("paint_stride", self.patch % self.paint_stride == 0,
                      f"a divisor of the patch, {self.patch}")  # fmt: skip
        several = self.time_factor > 1
        least, most = (self.time_factor, self.latent_channels - 1) if several else (0, 0)
        fits = not self.base_stride or least <= self.motion_channels <= most
        self._require("motion_channels", fits, f"{least} to {most}")
        fits = not self.base_stride or self.latent_size % self.linear_cells == 0
        self._require("linear_cells", fits, f"a divisor of {self.latent_size}")
        ok = bool(self.base_stride) or not self.warp_width
        self._require("warp_width", ok, "0 where there is no linear path (base_stride 0)")
        ok = not (self.fast and self.base_stride)
        self._require("fast", ok, "false where there is a linear path (base_stride): its optical "
                                  "flow runs on the CPU")  # fmt: skip
        fits = not self.base_stride or self.patch % self.base_stride == 0
        self._require("base_stride", fits, f"0 or a divisor of the patch, {self.patch}")

    def _require(self, name: str, ok: bool, expected: str) -> None:
        if not ok:
            raise ValueError(
                f"ReferenceVaeConfig.{name}={getattr(self, name)!r}: expected {expected}"
            )

    @property
    def space_factor(self) -> int:
        """Pixels along one side of a latent position."""
        return self.patch << (len(self.widths) - 1)

    @property
    def time_factor(self) -> int:
        """Frames of a latent step, the first step apart."""
        return math.prod(self.down_times)

    @property
    def base_channels(self) -> int:
        """Numbers of the linear path's picture per position of level 0."""
        return 3 * (self.patch // self.base_stride) ** 2 if self.base_stride else 0

    @property
    def compression_ratio(self) -> float:
        """Numbers in the frames / numbers in their latents (768 in the paper)."""
        return 3 * self.space_factor**2 * self.time_factor / self.latent_channels

    @property
    def latent_size(self) -> int:
        """Height and width of the latent."""
        return self.resolution // self.space_factor

    @property
    def space(self) -> str:
        """Name of the latent space; one per set of trained weights."""
        return f"video/{(self.weights or 'ref_vae_random').replace('_', '-')}"
