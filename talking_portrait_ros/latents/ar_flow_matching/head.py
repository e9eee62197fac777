"""The flow-matching head: from noise to the code of one frame, in the light of its condition.

Per frame, without attention (S3, section 3.4). It says the clean code; beside the network, a
linear map of the condition says the code that is expected, and the network adds what the noise
decides.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.nn.modulation import Modulation, TimeEmbedder
from talking_portrait_ros.nn.norm import RmsNorm

_N_SINES = 32


class ModulatedMlp(nn.Module):
    """x + gate mlp(norm x), shifted, scaled and gated by a guide (AdaLN)."""

    def __init__(self, width: int, mlp_ratio: int) -> None:
        super().__init__()
        self.norm = RmsNorm(width)
        self.modulation = Modulation(width, 3)
        self.mlp = nn.Sequential(
            nn.Linear(width, mlp_ratio * width),
            nn.SiLU(),
            nn.Linear(mlp_ratio * width, width),
        )

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        """Tokens and their guide, [..., C]."""
        shift, scale, gate = self.modulation(guide).chunk(3, dim=-1)
        out: Tensor = x + (1 + gate) * self.mlp(self.norm(x) * (1 + scale) + shift)
        return out


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
        x, time = self.enter(z) + condition, self.time(t)
        for by_time, by_condition in zip(self.by_time, self.by_condition, strict=True):
            x = by_condition(by_time(x, time), condition)
        out: Tensor = self.expected(condition) + self.leave(self.norm(x))
        return out


def random_leave(head: FlowHead) -> None:
    """Let an untaught head say something."""
    torch.nn.init.normal_(head.leave.weight, std=0.02)
