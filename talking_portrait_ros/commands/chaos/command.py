"""The command, and the table of scenarios."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.commands.chaos.avatars import avatars
from talking_portrait_ros.commands.chaos.drift import drift
from talking_portrait_ros.commands.chaos.flush import flush
from talking_portrait_ros.commands.chaos.garbage import garbage
from talking_portrait_ros.commands.chaos.hosts import hosts
from talking_portrait_ros.commands.chaos.kill import kill
from talking_portrait_ros.commands.chaos.lifecycle import lifecycle
from talking_portrait_ros.commands.chaos.live import LiveAvatar
from talking_portrait_ros.commands.chaos.load import load
from talking_portrait_ros.commands.chaos.proofs import Proof
from talking_portrait_ros.commands.chaos.voice import spoken
from talking_portrait_ros.commands.graph import Layout, require_ros
from talking_portrait_ros.commands.load import machine_name
from talking_portrait_ros.commands.options import check_json_path, layout_option, preset_option
from talking_portrait_ros.presets import preset

Live = Callable[[LiveAvatar, F32, bool], list[Proof]]
Simulated = Callable[[bool], list[Proof]]
Apart = Callable[[str, bool], list[Proof]]

LIVE: dict[str, tuple[Live, str]] = {
    "load": (load, "busy cores and a slow decoder: pace, lag, recovery"),
    "flush": (flush, "interruptions at random moments: what is left of what was cut off"),
    "kill": (kill, "kill -9 of each node in speech: gaps, respawn, what is left behind"),
    "lifecycle": (lifecycle, "every transition, Ctrl-C in every state, live changes, memory"),
    "garbage": (garbage, "messages that no decent node sends: memory, counters, resync"),
}
"""Scenarios with a running avatar, which they harm while it talks."""

SIMULATED: dict[str, tuple[Simulated, str]] = {
    "drift": (drift, "clocks of sound card and frames that differ: sound against picture"),
}
"""Scenarios that need no avatar, because real time would be too long."""

APART: dict[str, tuple[Apart, str]] = {
    "avatars": (avatars, "two in two namespaces: cross-talk, memory"),
    "hosts": (hosts, "two and three hosts, made as root, on a link that delays, loses, breaks"),
}
"""Scenarios that make avatars themselves; they run where they are asked for by name."""

SCENARIOS = {name: what for name, (_, what) in {**LIVE, **SIMULATED, **APART}.items()}


@click.command()
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO]...")
@click.option("--full", is_flag=True, help="The long form of each scenario.")
@click.option("--list", "is_list", is_flag=True, help="Say what there is, and do nothing.")
@layout_option()
@preset_option()
@click.option("--json", "json_path", metavar="FILE", help="Write every figure here.")
def chaos(
    scenarios: tuple[str, ...],
    full: bool,
    is_list: bool,
    layout: Layout,
    preset_name: str,
    json_path: str | None,
) -> None:
    """Break a live avatar on purpose and measure what it makes of it; code 1 where it falls short.

    Without names all scenarios run, in their short form, but for those that need the rights of
    root or minutes.
    """
    if is_list:
        for name, what in SCENARIOS.items():
            click.echo(f"{name:9} {what}")
        return
    check_names(scenarios)
    preset(preset_name)
    if json_path is not None:
        check_json_path(json_path)
    require_ros()
    found = {name: measured(name, preset_name, layout, full) for name in scenarios or DEFAULT}
    if json_path is not None:
        Path(json_path).write_text(json.dumps(report(found, preset_name, layout), indent=2) + "\n")
    sys.exit(0 if all(proof.holds for proofs in found.values() for proof in proofs) else 1)


DEFAULT = (*LIVE, *SIMULATED)


def check_names(names: tuple[str, ...]) -> None:
    """Refuse what is no scenario.

    Raises:
        ValueError: lists those that there are.
    """
    for name in names:
        if name not in SCENARIOS:
            raise ValueError(f"scenario={name!r}: choose among {', '.join(SCENARIOS)}")


def measured(name: str, preset_name: str, layout: Layout, full: bool) -> list[Proof]:
    """Let the scenario run; one line per proof."""
    click.echo(f"{name}: {SCENARIOS[name]}")
    if name in SIMULATED:
        proofs = SIMULATED[name][0](full)
    elif name in APART:
        proofs = APART[name][0](preset_name, full)
    else:
        avatar = LiveAvatar(preset_name, layout)
        proofs = measured_live(LIVE[name][0], avatar, full)
    for proof in proofs:
        click.echo(proof.line())
    return proofs


def measured_live(scenario: Live, avatar: LiveAvatar, full: bool) -> list[Proof]:
    """Start the avatar, let the scenario run, end the avatar; what it left behind is a proof."""
    with avatar:
        proofs = scenario(avatar, spoken(), full)
        avatar.end()
        return [
            *proofs,
            Proof("processes left behind", avatar.orphans(), "", 0),
            Proof("nodes killed because they did not end", avatar.overdue(), "", 0),
            Proof("shared memory left behind", avatar.leaked_segments(), "segments", 0),
            Proof("exit code of the run", float(avatar.exit_code() or 0), "", 0),
            Proof("tracebacks in the log", avatar.log().count("Traceback"), "", 0),
        ]


def report(found: dict[str, list[Proof]], preset_name: str, layout: Layout) -> dict[str, Any]:
    """Everything, for JSON."""
    return {
        "machine": machine_name(),
        "preset": preset_name,
        "layout": layout,
        "scenarios": {name: [p.to_dict() for p in proofs] for name, proofs in found.items()},
    }
