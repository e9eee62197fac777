"""Reports: tables for people, JSON with every figure, plots of the curves."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from talking_portrait_ros.evaluation.curves import Estimate, mean_with_interval
from talking_portrait_ros.evaluation.faces import FaceTrial
from talking_portrait_ros.evaluation.lips import LipsReport, Method
from talking_portrait_ros.evaluation.output import new_figure
from talking_portrait_ros.evaluation.rig import RigScore
from talking_portrait_ros.evaluation.silence import Quiet


def lips_table(report: LipsReport) -> Table:
    """Mean correlation with the real lips, by method."""
    n = len(report.clips)
    table = Table(title=f"Correlation with the speakers' lips, {n} clips (mean, 95 % interval)")
    for heading in ("method", "delay", "own lag", "best lag within 120 ms", "other sound"):
        table.add_column(heading)
    for method in report.methods:
        delay = report.lookahead_ms.get(method.name.split()[0])
        chance = report.chance.get(method.name)
        table.add_row(
            method.name,
            "" if delay is None else f"{delay:.0f} ms",
            str(method.estimate),
            str(mean_with_interval(method.best)),
            "" if chance is None else f"{chance.median:.2f} (95th {chance.percentile_95:.2f})",
        )
    return table


def differences_table(report: LipsReport) -> Table:
    """Rendered lips less the rivals, paired over clips."""
    table = Table(title="Against the rivals, clip by clip")
    for heading in ("method", "less", "difference", "better on"):
        table.add_column(heading)
    for item in report.differences:
        better = f"{item.n_better} of {item.estimate.n}"
        table.add_row(item.method, item.rival, f"{_signed(item.estimate)}", better)
    return table


def lips_notes(report: LipsReport) -> list[str]:
    """What a reader must know about the run, one line each."""
    sources = sorted({clip.lag_source for clip in report.clips})
    notes = [f"lags of the clips: {', '.join(sources)}"]
    for name, steps in report.in_step.items():
        lags = [*steps.first_half, *steps.last_half]
        late = sum(lag != 0 for lag in lags)
        notes.append(
            f"{name}: rendered lips in step with the driving curve in {len(lags) - late} of "
            f"{len(lags)} half clips"
        )
    return notes


def rig_table(scores: Sequence[RigScore]) -> Table:
    """Commanded against measured motion, by person."""
    table = Table(title=f"The face does what it is told, {len(scores)} people")
    headings = ("person", "sweep r", "speech r", "lag", "closed in silence", "eye shut / open",
                "yaw gain", "pitch gain", "face found")  # fmt: skip
    for heading in headings:
        table.add_column(heading)
    for score in scores:
        table.add_row(
            score.name, f"{score.sweep_r:.3f}", f"{score.speech_r:.3f}", f"{score.lag_frames:+d}",
            f"{score.closed:.0%}", f"{score.ear_shut:.2f}", f"{score.yaw_gain:.2f}",
            f"{score.pitch_gain:.2f}", f"{score.found:.0%}",
        )  # fmt: skip
    return table


def faces_table(trials: Sequence[FaceTrial]) -> Table:
    """What became of each picture."""
    counts = Counter(trial.outcome for trial in trials)
    words = ", ".join(f"{n} {outcome}" for outcome, n in counts.items())
    table = Table(title=f"Does any picture work? {len(trials)} pictures: {words}")
    for heading in ("picture", "outcome", "face found", "lips r", "reason"):
        table.add_column(heading)
    for trial in trials:
        table.add_row(
            trial.name, trial.outcome, f"{trial.found:.0%}", f"{trial.lips_r:.2f}", trial.reason
        )
    return table


def silence_table(sounds: Sequence[Quiet]) -> Table:
    """Closed lips and chatter, by sound."""
    table = Table(title="When nobody speaks")
    for heading in ("sound", "frames of silence", "lips closed", "motion, per mille", "mean gap"):
        table.add_column(heading)
    for sound in sounds:
        closed = f"{sound.closed:.0%}" if sound.n_pause_frames else "no pause"
        table.add_row(
            sound.name,
            str(sound.n_pause_frames),
            closed,
            f"{sound.motion:.2f}",
            f"{sound.gap:.4f}",
        )
    return table


def lips_dict(report: LipsReport) -> dict[str, Any]:
    """Every figure, as plain values."""
    return {
        "settings": report.settings,
        "n_clips": len(report.clips),
        "clips": {
            clip.name: {"lag_frames": clip.lag_frames, "lag_source": clip.lag_source}
            for clip in report.clips
        },
        "methods": {method.name: _method_dict(method, report) for method in report.methods},
        "chance": {
            name: {"median": c.median, "percentile_95": c.percentile_95}
            for name, c in report.chance.items()
        },
        "differences": [
            {"method": d.method, "rival": d.rival, **vars(d.estimate), "n_better": d.n_better}
            for d in report.differences
        ],
        "in_step": {name: vars(steps) for name, steps in report.in_step.items()},
        "delay_ms": report.lookahead_ms,
    }


def save_json(values: Any, path: str | Path) -> None:
    """Write `values` to `path`, readable."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2) + "\n")


def plot_lips(report: LipsReport, path: str | Path) -> None:
    """One panel per clip: measured lips, and each rendered curve, all scaled alike.

    Raises:
        ValueError: matplotlib is not installed.
    """
    figure = new_figure(12, 1.7 * len(report.clips))
    axes = figure.subplots(len(report.clips), 1, squeeze=False)[:, 0]
    shown = [m for m in report.methods if m.name.endswith("rendered")]
    for index, (clip, axis) in enumerate(zip(report.clips, axes, strict=True)):
        axis.plot(_scaled(clip.track.gap), "k", lw=1.6, label="real lips")
        for method in shown:
            late = range(clip.lag_frames, clip.lag_frames + len(method.curves[index]))
            label = f"{method.name}, r {method.own[index]:.2f}"
            axis.plot(late, _scaled(method.curves[index]), lw=1, label=label)
        axis.set_title(f"{clip.name}, lag {clip.lag_frames} frames", fontsize=8, loc="left")
        axis.legend(fontsize=6, loc="upper right")
        axis.set_yticks([])
    axes[-1].set_xlabel("frame")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(str(path), dpi=80)


def _method_dict(method: Method, report: LipsReport) -> dict[str, Any]:
    names = [clip.name for clip in report.clips]
    return {
        "own": {**vars(method.estimate)},
        "best": {**vars(mean_with_interval(method.best))},
        "per_clip": {
            name: {"own": own, "best": best, "best_lag_frames": lag}
            for name, own, best, lag in zip(
                names, method.own, method.best, method.best_lags, strict=True
            )
        },
    }


def _scaled(curve: Any) -> Any:
    return (curve - curve.mean()) / max(float(curve.std()), 1e-9)


def _signed(estimate: Estimate) -> str:
    return f"{estimate.mean:+.2f} [{estimate.low:+.2f}, {estimate.high:+.2f}]"
