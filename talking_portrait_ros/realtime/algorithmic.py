"""The algorithmic delay of a pipeline whose stages are elsewhere, from what each one tells."""

from __future__ import annotations

import math
from collections.abc import Mapping

from talking_portrait_ros.stage import Clock

MAX_STAGES = 16  # names come from messages
MAX_MS = 5000.0
LOOKAHEAD, FILL = ".lookahead_ms", ".fill_ms"


def told(kind: str, clock: Clock) -> dict[str, str]:
    """What the stage `kind` tells of its clock: names and values, milliseconds."""
    ms_per_sample = 1000 / clock.timebase.sample_rate_hz
    return {
        f"{kind}{LOOKAHEAD}": f"{clock.all_lookahead_samples * ms_per_sample:.3f}",
        f"{kind}{FILL}": f"{clock.fill_samples * ms_per_sample:.3f}",
    }


class ToldDelays:
    """Adds up what the stages of one avatar have told."""

    def __init__(self) -> None:
        """Nothing was told."""
        self._ms: dict[str, float] = {}

    def hear(self, lines: Mapping[str, str]) -> None:
        """Take over what `told` made; a stage that tells again replaces what it told before.

        Raises:
            ValueError: a value that is no delay; nothing is taken over then.
        """
        heard = {
            name: _delay_ms(name, value)
            for name, value in lines.items() if name.endswith((LOOKAHEAD, FILL))
        }  # fmt: skip
        if len(self._ms.keys() | heard.keys()) <= 2 * MAX_STAGES:
            self._ms |= heard

    @property
    def total_ms(self) -> float:
        """All lookahead, and the fill of the longest block (as `Pipeline.delay_samples`)."""
        lookahead_ms = sum(ms for name, ms in self._ms.items() if name.endswith(LOOKAHEAD))
        fills_ms = (ms for name, ms in self._ms.items() if name.endswith(FILL))
        return lookahead_ms + max(fills_ms, default=0.0)


def _delay_ms(name: str, value: str) -> float:
    try:
        ms = float(value)
    except ValueError:
        ms = math.nan
    if not 0 <= ms <= MAX_MS:
        raise ValueError(f"{name}={value!r}: expected 0 to {MAX_MS:g} milliseconds")
    return ms
