"""Learning rates, and random numbers that follow from seed and step."""

from __future__ import annotations

import pytest
import torch

from talking_portrait_ros.training.loop.schedule import (
    CosineSchedule,
    seed_step,
    set_learning_rate,
)


def test_the_rate_warms_up_then_falls_along_a_cosine():
    schedule = CosineSchedule(highest=1.0, lowest=0.1, warm_up=10, total=110)
    assert [schedule.at(step) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert schedule.at(60) == pytest.approx(0.55)
    assert schedule.at(110) == schedule.at(500) == pytest.approx(0.1)
    rates = [schedule.at(step) for step in range(10, 111)]
    assert rates == sorted(rates, reverse=True)


def test_random_numbers_follow_from_seed_and_step():
    def drawn(seed, step):
        generator = seed_step(seed, step)
        return generator.random(), torch.rand(1).item()

    first = drawn(1, 7)
    drawn(1, 8)
    assert drawn(1, 7) == first
    assert len({drawn(1, 7), drawn(1, 8), drawn(2, 7)}) == 3


def test_groups_of_weights_may_learn_more_slowly():
    weights = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    groups = [{"params": weights[:1]}, {"params": weights[1:], "share": 0.25}]
    optimiser = torch.optim.AdamW(groups)
    set_learning_rate(optimiser, 0.02)
    assert [group["lr"] for group in optimiser.param_groups] == [0.02, 0.005]
