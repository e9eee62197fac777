"""Learning rate over the steps, and the random numbers of a step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class CosineSchedule:
    """Linear warm-up to `highest`, then half a cosine down to `lowest`.

    Attributes:
        highest: learning rate after the warm-up.
        lowest: learning rate at the last step.
        warm_up: steps until `highest`.
        total: steps in all.
    """

    highest: float
    lowest: float
    warm_up: int
    total: int

    def at(self, step: int) -> float:
        """Learning rate of step `step`, counted from 0."""
        if step < self.warm_up:
            return self.highest * (step + 1) / self.warm_up
        done = min(1.0, (step - self.warm_up) / max(1, self.total - self.warm_up))
        return self.lowest + (self.highest - self.lowest) * (1 + math.cos(math.pi * done)) / 2


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give all weights the learning rate `rate`, those of a group with a `share` that part."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get("share", 1.0)


def seed_step(seed: int, step: int) -> np.random.Generator:
    """Seed torch for step `step` of the run `seed`; the numpy generator of that step."""
    generator = np.random.default_rng([seed, step])
    torch.manual_seed(int(generator.integers(2**62)))
    return generator
