"""`talking-portrait replay`: a recording, sent into the stages behind a boundary."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from talking_portrait_ros.commands.graph import Graph, require_ros, run_graph
from talking_portrait_ros.commands.options import (
    device_option,
    latents_option,
    namespace_option,
)
from talking_portrait_ros.commands.record import require_rosbags
from talking_portrait_ros.commands.run import can_be_heard, check_namespace, check_screen
from talking_portrait_ros.device import require_device
from talking_portrait_ros.presets import preset, with_recording
from talking_portrait_ros.ros.boundaries import BOUNDARIES, nodes_after

UNHURRIED = {"degrade": False, "max_queue": 100_000}
"""No stage steps down and none drops anything, so that the machine's speed changes no pixel."""

MOST_DELAY_MS = 1000.0


@click.command()
@click.argument("folder", metavar="DIR")
@click.option(
    "--boundary",
    type=click.Choice([*BOUNDARIES]),
    help="Where to send it in; default: the last one before the frames that was recorded.",
)
@click.option("--preset", "preset_name", metavar="NAME", help="Default: that of the recording.")
@latents_option()
@click.option(
    "--screen",
    default="none",
    show_default=True,
    metavar="window|file:PATH|none",
    help="Where the face is shown.",
)
@device_option()
@namespace_option()
def replay(
    folder: str,
    boundary: str | None,
    preset_name: str | None,
    recording: str | None,
    screen: str,
    device: str,
    namespace: str,
) -> None:
    """Replay a recording into the rest of the graph; code 1 where the pictures are others.

    They are compared, bit by bit, with those that the recording holds, if it holds any.
    """
    check_namespace(namespace)
    check_screen(screen)
    require_device(device)
    require_ros()
    require_rosbags()
    from talking_portrait_ros.ros.bag import Bag

    bag = Bag(folder)
    chosen = boundary or last_boundary(bag.topics)
    stages = nodes_after(chosen)
    with tempfile.TemporaryDirectory(prefix="talking_portrait_") as scratch:
        report = Path(scratch) / "report.json"
        stage = stage_parameters(preset_name or bag.preset, stages, recording, device)
        parameters: dict[str, dict[str, Any]] = {
            **dict.fromkeys(stages, stage),
            "screen": {
                "output": screen, "max_delay_ms": MOST_DELAY_MS, "sound": can_be_heard(screen),
            },
            "replayer": {
                "recording": str(Path(folder).resolve()),
                "boundary": chosen,
                "report": str(report),
            },
        }  # fmt: skip
        only = (*reversed(stages), "screen", "replayer")
        graph = Graph("split", namespace, parameters, {"exit_on_failure": True}, False, only)
        code = run_graph(graph)
        if code or not report.exists():
            sys.exit(code)
        figures = json.loads(report.read_text())
    click.echo(verdict(figures))
    sys.exit(0 if figures.get("equal", figures["recorded"]) == figures["recorded"] else 1)


def last_boundary(topics: tuple[str, ...]) -> str:
    """The last one before the frames that was recorded; the frames where there is no other.

    Raises:
        ValueError: none was.
    """
    recorded = [name for name, crossing in BOUNDARIES.items() if crossing[0] in topics]
    if not recorded:
        raise ValueError(f"recording: it holds no boundary, only {', '.join(topics)}")
    return ([name for name in recorded if name != "frames"] or recorded)[-1]


def stage_parameters(
    preset_name: str, stages: tuple[str, ...], recording: str | None, device: str
) -> dict[str, Any]:
    """Parameters of the nodes with stages.

    Raises:
        ValueError: the preset is not known, or its recording of latents is missing or too much.
    """
    if not preset_name and stages:
        raise ValueError("preset: the recording does not tell which one it was; give --preset")
    if not stages:
        return {}
    if "latents" in stages:
        with_recording(preset(preset_name), recording)
    elif recording is not None:
        raise ValueError(
            f"latents={recording!r}: no generator runs behind this boundary; leave it"
        )
    preset(preset_name)
    named = {} if recording is None else {"latents.file": str(Path(recording).resolve())}
    return {**UNHURRIED, "preset": preset_name, "device": device, **named}


def verdict(figures: dict[str, int]) -> str:
    """One line for people."""
    if not figures["recorded"]:
        return "replayed; the recording holds no frames to compare with"
    if "shown" in figures:
        return f"{figures['shown']} of {figures['recorded']} frames were on the screen in time"
    line = (
        f"{figures['equal']} of {figures['recorded']} frames equal, bit by bit; "
        f"{figures['different']} different, {figures['missing']} missing"
    )
    if figures["different"] and figures["steps_down"]:
        line += "; the recorded run was short of time and stepped down to cheaper work"
    return line
