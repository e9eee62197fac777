"""The flow-matching head, asked frame by frame: the same numbers as `head.py` in fewer calls.

All that a condition says to the blocks is one product per frame; what the times say is read once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.flow.schedule import times_down
from talking_portrait_ros.latents.ar_flow_matching.head import FlowHead, ModulatedMlp
from talking_portrait_ros.latents.ar_flow_matching.live_backbone import Unit, ends, gain, laid

Guide = tuple[Tensor, ...]
"""Shift, scale and gate of a block, [N, C] each; the scale has the norm's gain in it."""


@dataclass(frozen=True)
class ReadCondition:
    """A condition as the head reads it, once per frame for all Euler steps.

    Attributes:
        condition: [R, B, C].
        guides: of each block.
        expected: the code that is expected, [R B, K].
    """

    condition: Tensor
    guides: list[Guide]
    expected: Tensor


class LiveHead:
    """The head for one frame; to be made anew when its weights change."""

    def __init__(self, head: FlowHead) -> None:
        width = head.enter.weight.shape[0]
        self._unit = Unit(head.enter.weight, width)
        self._embed = head.time
        self._time_guides = [_guiding(one) for one in _mlps(head.by_time)]
        self._time = [_LiveMlp(one, self._unit) for one in _mlps(head.by_time)]
        self._condition = [_LiveMlp(one, self._unit) for one in _mlps(head.by_condition)]
        maps = [_guiding(one) for one in _mlps(head.by_condition)]
        self._guide = laid(torch.cat([weight for weight, _ in maps]))
        self._guide_bias = torch.cat([bias for _, bias in maps])
        self._enter, self._enter_bias = laid(head.enter.weight), head.enter.bias
        self._expected = laid(head.expected.weight)
        self._leave = laid(head.leave.weight, gain(head.norm))
        self._leave_bias = head.leave.bias + head.expected.bias
        self._times: dict[int, list[list[Guide]]] = {}

    def read_condition(self, condition: Tensor, n_rows: int) -> ReadCondition:
        """A condition [R B, C] of R = `n_rows` rows per session."""
        read = torch.addmm(self._guide_bias, functional.silu(condition), self._guide)
        parts = read.chunk(3 * len(self._condition), dim=1)
        guides = [parts[index : index + 3] for index in range(0, len(parts), 3)]
        expected = torch.addmm(self._leave_bias, condition, self._expected)
        return ReadCondition(condition.unflatten(0, (n_rows, -1)), guides, expected)

    def read_times(self, n_steps: int) -> list[list[Guide]]:
        """What the times of so many Euler steps say to each block; the same for every frame."""
        if n_steps not in self._times:
            times = times_down(n_steps)[:-1].to(self._guide)
            self._times[n_steps] = [self._read_time(t[None]) for t in times]
        return self._times[n_steps]

    def clean(self, z: Tensor, time: list[Guide], told: ReadCondition) -> Tensor:
        """Clean codes [R B, K] of the noisy ones [B, K], which all rows of a session share."""
        entered = torch.addmm(self._enter_bias, z, self._enter)
        x = (told.condition + entered).flatten(0, 1)
        layers = zip(self._time, time, self._condition, told.guides, strict=True)
        for by_time, read, by_condition, guide in layers:
            x = by_condition.step(by_time.step(x, read), guide)
        return torch.addmm(told.expected, self._unit(x), self._leave)

    def _read_time(self, t: Tensor) -> list[Guide]:
        read = functional.silu(self._embed(t))
        return [functional.linear(read, *each).chunk(3, dim=1) for each in self._time_guides]


class _LiveMlp:
    """x + gate mlp(unit x scale + shift)."""

    def __init__(self, block: ModulatedMlp, unit: Unit) -> None:
        self._unit = unit
        into, out_of = ends(block.mlp)
        self._into, self._into_bias = laid(into.weight), into.bias
        self._out, self._out_bias = laid(out_of.weight), out_of.bias

    def step(self, x: Tensor, guide: Guide) -> Tensor:
        """[N, C] -> the same shape."""
        shift, scale, gate = guide
        hidden = torch.addcmul(shift, self._unit(x), scale)
        hidden = functional.silu(torch.addmm(self._into_bias, hidden, self._into))
        return torch.addcmul(x, torch.addmm(self._out_bias, hidden, self._out), gate)


def _guiding(block: ModulatedMlp) -> tuple[Tensor, Tensor]:
    """The map to shift, (1 + scale) gain and 1 + gate: weight [3 C, C] and bias [3 C]."""
    linear, factor = block.modulation.linear, gain(block.norm)
    one = torch.ones_like(factor)
    factors = torch.cat([one, factor, one])
    added = torch.cat([torch.zeros_like(factor), factor, one])
    return linear.weight * factors[:, None], linear.bias * factors + added


def _mlps(blocks: nn.ModuleList) -> list[ModulatedMlp]:
    return [block for block in blocks if isinstance(block, ModulatedMlp)]
