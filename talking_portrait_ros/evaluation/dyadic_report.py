"""Dyadic figures as tables, plain values and a plot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.table import Table

from talking_portrait_ros.evaluation.dyadic import Answers, Lips
from talking_portrait_ros.evaluation.dyadic_runs import ANGLES, DyadicScore, LongRun
from talking_portrait_ros.evaluation.events import FPS, Detection
from talking_portrait_ros.evaluation.output import new_figure


def speaking_table(scores: Sequence[DyadicScore]) -> Table:
    """Delay, time and lips, one line per generator: what more lookahead buys."""
    table = Table(title="Two tracks to motion: the own speech")
    for heading in ("generator", "lookahead", "ms / frame", "lips r", "lag", "gain"):
        table.add_column(heading)
    for score in scores:
        table.add_row(score.name, f"{score.lookahead_ms:.0f} ms", f"{score.ms_per_frame:.1f}",
                      *_lips_cells(score.lips))  # fmt: skip
    return table


def silent_table(scores: Sequence[DyadicScore]) -> Table:
    """The mouth while the partner speaks, and life while nobody does."""
    table = Table(title="While listening, and while nobody speaks")
    for heading in ("generator", "mouth open", "idle: blinks / min", "head", "frozen"):
        table.add_column(heading)
    for score in scores:
        idle = score.idle
        table.add_row(score.name, f"{score.open_share:.1%}", f"{idle.blinks_per_minute:.1f}",
                      f"{idle.head_deg:.1f} deg", f"{idle.frozen:.0%}")  # fmt: skip
    return table


def _lips_cells(lips: Lips | None) -> tuple[str, str, str]:
    if lips is None:
        return "", "", ""
    return str(lips.r), f"{lips.lag_frames:+.0f}", f"{lips.gain:.2f}"


def answers_table(scores: Sequence[DyadicScore]) -> Table:
    """What follows the partner's phrase ends, and what would anyway."""
    table = Table(
        title="Within a second of the partner's phrase ends, while listening: share, median delay"
    )
    for heading in ("generator", "partner", "ends", "nod", "brow raise", "blink"):
        table.add_column(heading)
    for score in scores:
        for condition, by_kind in score.answers.items():
            cells = [
                _answer(answer) for answer in (by_kind["nod"], by_kind["brow"], by_kind["blink"])
            ]
            table.add_row(score.name, condition, str(by_kind["nod"].n), *cells)
    return table


def _answer(answer: Answers) -> str:
    """Share and delay; empty where there is nothing to tell."""
    share = str(answer.rate) if answer.n else ""
    return share if math.isnan(answer.delay_ms) else f"{share}\n{answer.delay_ms:.0f} ms"


def detectors_table(checks: Mapping[str, Detection]) -> Table:
    """Whether the detectors can be trusted: the labels' own events, found again."""
    table = Table(title="Detectors on the labels, while listening")
    for heading in ("event", "n", "precision", "recall", "late"):
        table.add_column(heading)
    for kind, check in checks.items():
        table.add_row(kind, str(check.n), f"{check.precision:.2f}", f"{check.recall:.2f}",
                      f"{check.late_ms:.0f} ms")  # fmt: skip
    return table


def long_notes(name: str, run: LongRun) -> list[str]:
    """The long run in a few lines."""
    lows, highs = run.mean_deg.min(axis=0), run.mean_deg.max(axis=0)
    means = " / ".join(f"{a:+.1f} to {b:+.1f}" for a, b in zip(lows, highs, strict=True))
    ranges = " / ".join(f"{value:.1f}" for value in run.range_deg.max(axis=0))
    drift = " / ".join(f"{value:+.2f}" for value in run.drift_deg)
    return [
        f"{name}, {run.minutes} minutes, pitch / yaw / roll in degrees: means of the minutes "
        f"{means}; widest range of a minute {ranges}; last quarter less first {drift}",
        f"{name}: highest autocorrelation at shifts of 5 to 120 s {run.highest_later:.2f}; "
        f"memory grew by {run.grown_mb:.1f} MB after the first minute",
    ]


def plot_long(run: LongRun, path: Path) -> None:
    """Autocorrelation of the head's angles, and their mean minute by minute.

    Raises:
        ValueError: matplotlib is not installed.
    """
    figure = new_figure(10, 6)
    above, below = figure.subplots(2, 1)
    shifts_s = np.arange(run.autocorrelation.shape[1]) / FPS
    for name, curve, mean in zip(ANGLES, run.autocorrelation, run.mean_deg.T, strict=True):
        above.plot(shifts_s, curve, lw=1, label=name)
        below.plot(np.arange(run.minutes) + 0.5, mean, label=name)
    above.set(title="autocorrelation", xlabel="shift, s")
    below.set(title="mean of each minute, degrees", xlabel="minute")
    above.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(str(path), dpi=90)
