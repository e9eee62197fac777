"""Gestures: events that happen or do not, in between which nothing of them is seen.

A nod, a raise of the brows, a blink: no mean of "now" and "not now" is one. A flow with a few
steps smears such rare choices out, so the choice itself is made here, by chance, with the
probability that the network gives it; how a gesture then looks is the flow's affair.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from talking_portrait_ros.latents.noise import uniform

KINDS = ("nod", "brow", "blink")
N_KINDS = len(KINDS)
LONG_AGO = 250.0  # frames: a gesture that was never made
_FADES = (2.0, 8.0, 30.0)  # frames in which the memory of a gesture fades
_CHANCE = 79  # chance stream of the first kind


class Gestures(nn.Module):
    """Tells the transformer which gestures are under way, and asks it for the next ones."""

    fades: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("fades", torch.tensor(_FADES), persistent=False)
        self.enter = nn.Linear(N_KINDS * len(_FADES), width)
        self.likely = nn.Linear(width, N_KINDS)
        nn.init.constant_(self.likely.bias, -4.0)  # rare
        nn.init.zeros_(self.enter.weight)
        nn.init.zeros_(self.enter.bias)

    def told(self, ages: Tensor) -> Tensor:
        """Frames since each kind began, [..., kinds] -> [..., C]."""
        traces = torch.exp(-ages[..., None] / self.fades).flatten(-2)
        out: Tensor = self.enter(traces)
        return out

    def next_logits(self, condition: Tensor) -> Tensor:
        """How likely each kind is to begin in the next frame, [..., kinds], from [..., C]."""
        out: Tensor = self.likely(condition)
        return out


@dataclass
class UnderWay:
    """Which gestures a session makes.

    Attributes:
        ages: frames since each kind began.
        chances: probability that each begins in the next frame.
    """

    ages: list[float] = field(default_factory=lambda: [LONG_AGO] * N_KINDS)
    chances: list[float] = field(default_factory=lambda: [0.0] * N_KINDS)

    def go_on(self, seed: int, frame: int) -> None:
        """One frame on; a gesture begins where the dice say so: a function of seed and frame."""
        for kind, chance in enumerate(self.chances):
            begins = uniform(seed, _CHANCE + kind, frame) < chance
            self.ages[kind] = 0.0 if begins else min(self.ages[kind] + 1, LONG_AGO)
