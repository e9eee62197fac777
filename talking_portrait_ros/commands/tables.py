"""Tables for the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table


def latency_table(report: dict[str, Any]) -> Table:
    """The five latencies of a session, from the report that the screen node writes."""
    n_frames, misses = report["frames"], report["deadline_miss_rate"]
    table = Table(
        title=f"{n_frames} frames, {report['fps']:.2f} fps, {100 * misses:.2f} % deadline misses"
    )
    for heading in ("latency", "p50 ms", "p95 ms", "p99 ms"):
        table.add_column(heading, justify="left" if heading == "latency" else "right")
    for stage, times in report["stages"].items():
        row = (f"{times[key]:.1f}" for key in ("p50_ms", "p95_ms", "p99_ms"))
        table.add_row(f"chunk time, {stage}", *row)
    table.add_row("first frame", f"{report['first_frame_ms']:.0f}", "", "")
    table.add_row("algorithmic delay", f"{report['algorithmic_ms']:.0f}", "", "")
    total = report["mouth_to_pixel_ms"]
    table.add_row("mouth-to-pixel", *(f"{total[key]:.0f}" for key in ("p50", "p95", "p99")))
    return table


def load_table(usage: dict[str, dict[str, float]]) -> Table:
    """CPU and memory per node."""
    table = Table(title="load")
    for heading in ("node", "CPU %", "memory MB", "growth MB"):
        table.add_column(heading, justify="left" if heading == "node" else "right")
    for node, values in usage.items():
        row = (values["cpu_percent"], values["rss_mb"], values["rss_growth_mb"])
        table.add_row(node, *(f"{value:.0f}" for value in row))
    return table


def figures_table(title: str, figures: dict[str, Any]) -> Table:
    """Names and numbers, one a row."""
    table = Table("figure", "value", title=title)
    for name, value in figures.items():
        table.add_row(name, f"{value:.2f}" if isinstance(value, float) else str(value))
    return table
