"""`talking-portrait soak`: an avatar that talks for long, and what becomes of it."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from talking_portrait_ros.commands.chaos.ear import Ear, air_offset_ms
from talking_portrait_ros.commands.chaos.live import MIB, LiveAvatar
from talking_portrait_ros.commands.chaos.timings import NS_PER_MS, NS_PER_S, lags_ms
from talking_portrait_ros.commands.chaos.voice import Voice, spoken
from talking_portrait_ros.commands.graph import Layout, require_ros
from talking_portrait_ros.commands.load import machine_name
from talking_portrait_ros.commands.options import check_json_path, layout_option, preset_option
from talking_portrait_ros.commands.tables import figures_table
from talking_portrait_ros.evaluation.output import new_figure, plain
from talking_portrait_ros.presets import preset
from talking_portrait_ros.timebase import Timebase

MOST_SAMPLES = 1000
LEAST_PERIOD_S = 2.0
KEPT = 250  # chunks of sound that the probe keeps from one sample to the next


@dataclass(frozen=True)
class Sample:
    """What was seen in one stretch of time.

    Attributes:
        minutes: since the start.
        memory_mb: resident, per node.
        handles: open files, per node.
        fps: frame periods per second.
        missed: share of the periods without their own frame in time.
        lag_ms: age of the sound under the picture, median.
        offset_ms: how much later the sound comes than its picture on the topics, median.
        air_ms: how much later it is heard than its picture is seen; not a number where nobody
            listens.
    """

    minutes: float
    memory_mb: dict[str, float]
    handles: dict[str, int]
    fps: float
    missed: float
    lag_ms: float
    offset_ms: float
    air_ms: float = float("nan")


@click.command()
@click.option(
    "--minutes", default=60.0, show_default=True, type=click.FloatRange(0.2, 10_080),
    help="How long.",
)  # fmt: skip
@layout_option()
@preset_option()
@click.option(
    "--heard",
    is_flag=True,
    help="Show the face in a window, play its sound, and listen to it with the default sound "
    "input: a microphone before the loudspeaker, or the monitor of a null sink.",
)
@click.option("--json", "json_path", metavar="FILE", help="Write every sample and figure here.")
@click.option("--plot", "plot_path", metavar="FILE", help="Draw them into this picture (.png).")
def soak(
    minutes: float,
    layout: Layout,
    preset_name: str,
    heard: bool,
    json_path: str | None,
    plot_path: str | None,
) -> None:
    """Let an avatar talk for long: memory, file handles, pace, lag, sound against picture."""
    preset(preset_name)
    for name, path in (("json", json_path), ("plot", plot_path)):
        if path is not None:
            check_json_path(path, name)
    require_ros()
    console = Console()
    with ExitStack() as stack:
        ear = stack.enter_context(Ear()) if heard else None
        screen = "window" if heard else "none"
        avatar = stack.enter_context(LiveAvatar(preset_name, layout, screen=screen))
        stack.enter_context(Voice(avatar.probe, spoken()))
        console.print(f"an avatar talks for {minutes:g} minutes ...")
        samples = watched(avatar, minutes, ear)
    figures = summary(samples)
    console.print(figures_table(f"{minutes:g} minutes", figures), machine_name())
    if json_path is not None:
        report = {
            "machine": machine_name(), "preset": preset_name, "layout": layout,
            "figures": figures, "samples": samples,
        }  # fmt: skip
        Path(json_path).write_text(json.dumps(plain(report), indent=1) + "\n")
    if plot_path is not None:
        plot(samples, Path(plot_path))


def watched(avatar: LiveAvatar, minutes: float, ear: Ear | None = None) -> list[Sample]:
    """At most a thousand samples over the whole time."""
    period_s = max(LEAST_PERIOD_S, minutes * 60 / MOST_SAMPLES)
    begun_s, samples = time.monotonic(), []
    while time.monotonic() - begun_s < minutes * 60:
        from_ns = time.time_ns()
        time.sleep(period_s)
        samples.append(taken(avatar, from_ns, (time.monotonic() - begun_s) / 60, ear))
        del avatar.probe.heard[:-KEPT]
        del avatar.probe.shown[:-KEPT]
        avatar.probe.drawing_ms.clear()
    return samples


def taken(avatar: LiveAvatar, from_ns: int, minutes: float, ear: Ear | None) -> Sample:
    """One sample of the time since `from_ns`."""
    shown = [period for period in avatar.probe.shown if period.arrived_ns >= from_ns]
    nodes, length_s = avatar.nodes(), (time.time_ns() - from_ns) / NS_PER_S
    lags = lags_ms(shown)
    return Sample(
        minutes,
        {name: process.memory_info().rss / MIB for name, process in nodes.items()},
        {name: process.num_fds() for name, process in nodes.items()},
        len(shown) / length_s,
        float(np.mean([period.state != "shown" for period in shown])) if shown else 1.0,
        float(np.median(lags)) if len(lags) else float("nan"),
        offset_ms(avatar),
        float("nan") if ear is None else heard_ms(avatar, ear),
    )


def heard_ms(avatar: LiveAvatar, ear: Ear) -> float:
    """How much later the sound is in the air than its picture on the screen."""
    probe = avatar.probe
    recorded, recorded_ns = ear.newest()
    return air_offset_ms(
        recorded, recorded_ns, list(probe.heard), list(probe.shown), Timebase().samples_per_frame
    )


def offset_ms(avatar: LiveAvatar) -> float:
    """How much later the sound under a picture comes than the picture, median."""
    n_samples = Timebase().samples_per_frame
    shown_ns = {(period.epoch, period.frame): period.arrived_ns for period in avatar.probe.shown}
    offsets = [
        (chunk.arrived_ns - shown_ns[place]) / NS_PER_MS
        for chunk in avatar.probe.heard
        if (place := (chunk.epoch, chunk.first_sample // n_samples)) in shown_ns
    ]
    return float(np.median(offsets)) if offsets else float("nan")


def summary(samples: list[Sample]) -> dict[str, float]:
    """The figures of the whole time; slopes are those of its second half."""
    later = samples[len(samples) // 2 :]
    hours = np.array([sample.minutes / 60 for sample in later])
    nodes = sorted(later[-1].memory_mb)
    figures = {
        f"memory of {node}, slope, MB/h": slope(hours, [s.memory_mb.get(node, 0) for s in later])
        for node in nodes
    }
    grown = [later[-1].handles[node] - samples[0].handles.get(node, 0) for node in nodes]
    air_ms = np.array([s.air_ms for s in samples])
    air_ms = air_ms[np.isfinite(air_ms)]
    if len(air_ms):
        figures |= {
            "sound in the air after its picture, samples": float(len(air_ms)),
            "the same, median, ms": float(np.median(air_ms)),
            "the same, farthest from it, ms": float(np.abs(air_ms - np.median(air_ms)).max()),
            "the same, slope, ms/h": slope(hours, [s.air_ms for s in later]),
        }
    return {
        **figures,
        "memory, all nodes, MB": sum(later[-1].memory_mb.values()),
        "file handles, growth of a node, most": float(max(grown)),
        "fps, mean": float(np.mean([s.fps for s in samples])),
        "fps, lowest sample": min(s.fps for s in samples),
        "periods without their own frame in time, %": 100
        * float(np.mean([s.missed for s in samples])),
        "lag, median, ms": float(np.nanmedian([s.lag_ms for s in samples])),
        "lag, slope, ms/h": slope(hours, [s.lag_ms for s in later]),
        "offset of sound and picture, largest sample, ms": float(
            np.nanmax(np.abs([s.offset_ms for s in samples]))
        ),
    }


def slope(hours: NDArray[np.float64], values: list[float]) -> float:
    """Of the straight line through `values`, per hour; 0 where there are too few."""
    known = np.isfinite(values)
    few = known.sum() <= 2
    return 0.0 if few else float(np.polyfit(hours[known], np.array(values)[known], 1)[0])


def plot(samples: list[Sample], path: Path) -> None:
    """Four curves over time."""
    figure = new_figure(9, 11)
    axes: Any = figure.subplots(4, 1, sharex=True)
    minutes = [sample.minutes for sample in samples]
    for node in sorted(samples[-1].memory_mb):
        axes[0].plot(minutes, [s.memory_mb.get(node, np.nan) for s in samples], label=node)
        axes[1].plot(minutes, [s.handles.get(node, 0) for s in samples], label=node)
    axes[2].plot(minutes, [s.fps for s in samples], label="frame periods per second")
    axes[2].plot(minutes, [100 * s.missed for s in samples], label="periods without frame, %")
    axes[3].plot(minutes, [s.lag_ms for s in samples], label="lag, ms")
    axes[3].plot(minutes, [s.offset_ms for s in samples], label="sound after picture, ms")
    axes[3].plot(minutes, [s.air_ms for s in samples], label="in the air, ms")
    for axis, label in zip(axes, ("memory, MB", "open files", "pace", "time"), strict=True):
        axis.set_ylabel(label)
        axis.legend(loc="upper left", fontsize="small", ncols=3)
    axes[-1].set_xlabel("minutes")
    figure.savefig(path, format="png")
