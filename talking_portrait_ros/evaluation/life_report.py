"""Reports of movement and of long sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from talking_portrait_ros.evaluation.life import Movement, SessionMinute
from talking_portrait_ros.evaluation.output import new_figure


def movement_table(found: Mapping[str, Sequence[Movement]], n_clips: int) -> Table:
    """One row per preset: how far each measure moves, made over real."""
    first = next(iter(found.values()))
    table = Table(title=f"Movement over that of the speakers, {n_clips} clips")
    for heading in ("preset", *(movement.measure for movement in first)):
        table.add_column(heading)
    for name, movements in found.items():
        table.add_row(name, *(f"{movement.ratio:.2f}" for movement in movements))
    return table


def session_table(name: str, minutes: Sequence[SessionMinute]) -> Table:
    """One row per minute."""
    table = Table("minute", "likeness (SSIM)", "sharpness", "process MiB", title=name)
    for number, minute in enumerate(minutes, 1):
        table.add_row(
            str(number), f"{minute.likeness:.4f}", f"{minute.sharpness:.3f}",
            f"{minute.process_bytes / 2**20:.0f}",
        )  # fmt: skip
    return table


def session_notes(name: str, minutes: Sequence[SessionMinute]) -> list[str]:
    """The last minute against the first."""
    first, last = minutes[0], minutes[-1]
    grown_mb = (last.process_bytes - first.process_bytes) / 2**20
    return [
        f"{name}: minute {len(minutes)} less minute 1: likeness "
        f"{last.likeness / first.likeness - 1:+.1%}, sharpness "
        f"{last.sharpness / first.sharpness - 1:+.1%}, memory {grown_mb:+.1f} MiB"
    ]


def plot_session(sessions: Mapping[str, Sequence[SessionMinute]], path: Path) -> None:
    """Likeness and sharpness by the minute, over those of the first.

    Raises:
        ValueError: matplotlib is not installed.
    """
    figure = new_figure(9, 4)
    axes = figure.subplots()
    for name, minutes in sessions.items():
        for what, style in (("likeness", "-"), ("sharpness", "--")):
            values = [getattr(minute, what) for minute in minutes]
            shares = [value / values[0] for value in values]
            axes.plot(range(1, len(shares) + 1), shares, style, label=f"{name}, {what}")
    axes.axhspan(0.95, 1.05, alpha=0.1)
    axes.set(xlabel="minute", ylabel="over minute 1", ylim=(0.85, 1.15))
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(str(path), dpi=90)
