"""The average of weights: warm-up, closed form, its own memory."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from talking_portrait_ros.training.loop.ema import Ema


def test_the_average_forgets_slowly_at_the_end_and_quickly_at_the_beginning():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    ema = Ema(model, decay=0.9)
    nn.init.ones_(model.weight)
    ema.update(model, step=1)
    early = ema.model.weight.item()
    assert early == pytest.approx(1 - 2 / 11)
    ema.update(model, step=100_000)
    assert ema.model.weight.item() == pytest.approx(early + 0.1 * (1 - early))


def test_the_average_has_its_own_weights_and_no_gradients():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    ema = Ema(model, decay=0.9)
    before = ema.model[0].weight.clone()
    with torch.no_grad():
        model[0].weight.add_(1)
    assert torch.equal(ema.model[0].weight, before)
    assert not ema.model.training
    assert not any(weight.requires_grad for weight in ema.model.parameters())
    ema.update(model, step=1)
    assert not torch.equal(ema.model[0].weight, before)
