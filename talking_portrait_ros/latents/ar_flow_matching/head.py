"""The flow-matching head: from noise to the code of one frame, in the light of its condition.

Per frame, without attention (S3, section 3.4). It says the clean code; beside the network, a
linear map of the condition says the code that is expected, and the network adds what the noise
decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.latents.block_rectified_flow.transformer import Modulation, TimeEmbedder
from talking_portrait_ros.nn.norm import RmsNorm

_N_SINES = 32


class ModulatedMlp(nn.Module):
    """x + gate mlp(norm x), shifted, scaled and gated by a guide (AdaLN).

    The guide is read apart, by `modulation`, because it stays the same over many calls.
    """

    def __init__(self, width: int, mlp_ratio: int) -> None:
        super().__init__()
        self.norm = RmsNorm(width)
        self.modulation = Modulation(width, 3)
        self.mlp = nn.Sequential(
            nn.Linear(width, mlp_ratio * width),
            nn.SiLU(),
            nn.Linear(mlp_ratio * width, width),
        )

    def forward(self, x: Tensor, read: Tensor) -> Tensor:
        """Tokens [..., C] and what `modulation` reads in the guide, [..., 3 C]."""
        shift, scale, gate = read.chunk(3, dim=-1)
        out: Tensor = x + (1 + gate) * self.mlp(self.norm(x) * (1 + scale) + shift)
        return out


@dataclass(frozen=True)
class ReadCondition:
    """A condition as the head's blocks read it: once per frame, for all Euler steps.

    Attributes:
        condition: [..., C].
        blocks: per block [..., 3 C].
        expected: the code that is expected, [..., K].
    """

    condition: Tensor
    blocks: list[Tensor]
    expected: Tensor


class FlowHead(nn.Module):
    """Noisy code, time and condition -> clean code."""

    def __init__(self, config: ArFlowMatchingConfig) -> None:
        super().__init__()
        width, ratio = config.width, config.flow_mlp_ratio
        self.enter = nn.Linear(config.codes, width)
        self.time = TimeEmbedder(width, _N_SINES)
        self.by_time = nn.ModuleList(ModulatedMlp(width, ratio) for _ in range(config.flow_depth))
        self.by_condition = nn.ModuleList(
            ModulatedMlp(width, ratio) for _ in range(config.flow_depth)
        )
        self.norm = RmsNorm(width)
        self.leave = nn.Linear(width, config.codes)
        self.expected = nn.Linear(width, config.codes)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, z: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Clean codes [..., K] of noisy ones.

        Args:
            z: [..., K].
            t: time on the path, [...], 0 is clean.
            condition: [..., C].
        """
        return self.clean(z, self.read_time(t), self.read_condition(condition))

    def read_time(self, t: Tensor) -> list[Tensor]:
        """Times [...] as the blocks read them, [..., 3 C] each."""
        return _read(self.by_time, self.time(t))

    def read_condition(self, condition: Tensor) -> ReadCondition:
        """A condition [..., C] as the blocks read it."""
        blocks = _read(self.by_condition, condition)
        return ReadCondition(condition, blocks, self.expected(condition))

    def clean(self, z: Tensor, time: list[Tensor], told: ReadCondition) -> Tensor:
        """As `forward`, of a time and a condition that have been read."""
        x = self.enter(z) + told.condition
        for index, (by_time, by_condition) in enumerate(
            zip(self.by_time, self.by_condition, strict=True)
        ):
            x = by_condition(by_time(x, time[index]), told.blocks[index])
        out: Tensor = told.expected + self.leave(self.norm(x))
        return out


def _read(blocks: nn.ModuleList, guide: Tensor) -> list[Tensor]:
    return [cast("ModulatedMlp", block).modulation(guide) for block in blocks]


def random_leave(head: FlowHead) -> None:
    """Let an untaught head say something."""
    torch.nn.init.normal_(head.leave.weight, std=0.02)
