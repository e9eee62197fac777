"""A training in stages: what is taught, and for how many steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_STAGE = re.compile(r"(\w+):(\d+)")


@dataclass(frozen=True)
class Stage:
    """One part of the curriculum.

    Attributes:
        kind: teach: the true past, with noise; rollout: the past that the network makes itself;
            distil: the few steps of the sampler learn to end where many would.
        steps: optimiser steps.
    """

    kind: str
    steps: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.steps}"


class Staged:
    """Settings of a training that goes through stages."""

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The curriculum."""
        raise NotImplementedError

    @property
    def total_steps(self) -> int:
        """Steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> Stage:
        """The stage that step `step` (from 0) belongs to; the last one afterwards."""
        for stage in self.stages:
            if step < stage.steps:
                return stage
            step -= stage.steps
        return self.stages[-1]


def parse_curriculum(text: str, kinds: Sequence[str]) -> tuple[Stage, ...]:
    """The stages that `text` describes.

    Raises:
        ValueError: not KIND:STEPS,..., or a kind that is none of `kinds`.
    """
    return tuple(_parse_stage(part.strip(), kinds) for part in text.split(","))


def _parse_stage(text: str, kinds: Sequence[str]) -> Stage:
    found = _STAGE.fullmatch(text)
    if not found or found[1] not in kinds or int(found[2]) < 1:
        raise ValueError(
            f"curriculum={text!r}: expected KIND:STEPS with a kind of {', '.join(kinds)}, for "
            f"example {kinds[0]}:1000"
        )
    return Stage(found[1], int(found[2]))
