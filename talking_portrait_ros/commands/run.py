"""`talking-portrait run`: the live graph, until the sound ends or Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from talking_portrait_ros.commands.graph import (
    NODES,
    OPTIONAL,
    Graph,
    Layout,
    run_graph,
)
from talking_portrait_ros.commands.options import (
    device_option,
    fast_option,
    latents_option,
    layout_option,
    namespace_option,
    partner_options,
    portrait_option,
    preset_option,
    require_other_file,
)
from talking_portrait_ros.commands.sounds import Sound, choose_partner, choose_sound
from talking_portrait_ros.commands.tables import latency_table
from talking_portrait_ros.device import require_device, require_gpu_for_fast
from talking_portrait_ros.frames.references import AVATAR, load_references
from talking_portrait_ros.presets import preset, with_recording
from talking_portrait_ros.screen.sinks import parse_screen


@click.command()
@portrait_option()
@click.option("--audio", metavar="FILE", help="Speak this sound file, then end.")
@click.option(
    "--mic",
    is_flag=False,
    flag_value="",
    metavar="[DEVICE]",
    help="Follow a microphone: the default, a number, or part of its name.",
)
@click.option("--say", metavar="TEXT", help="Speak this text, then end.")
@click.option("--topic", is_flag=True, help="Follow the topics `audio_in` and `say`.")
@partner_options()
@layout_option()
@click.option(
    "--screen",
    default="window",
    show_default=True,
    metavar="window|file:PATH|none",
    help="Where the face is shown; `file` records picture and sound.",
)
@preset_option()
@latents_option()
@device_option()
@fast_option()
@namespace_option()
@click.option(
    "--only",
    metavar="NODES",
    help="Start only these nodes here, separated by commas; the others run on other hosts.",
)
def run(
    portraits: tuple[str, ...],
    audio: str | None,
    mic: str | None,
    say: str | None,
    topic: bool,
    partner: str | None,
    partner_mic: str | None,
    layout: Layout,
    screen: str,
    preset_name: str,
    recording: str | None,
    device: str,
    fast: bool,
    namespace: str,
    only: str | None,
) -> None:
    """Run the live graph: one process per stage, real topics."""
    chosen = choose_nodes(only, layout)
    if chosen and "audio" not in chosen:
        topic = topic or not (audio or mic or say)
    sound = choose_sound(audio, mic, say, topic)
    other = choose_partner(partner, partner_mic)
    check_screen(screen)
    if audio is not None:
        require_other_file(parse_screen(screen).path, audio)
    check_namespace(namespace)
    paths = check_portraits(portraits)
    with_recording(preset(preset_name), recording)
    require_device(device)
    with tempfile.TemporaryDirectory(prefix="talking_portrait_") as folder:
        report = Path(folder) / "report.json"
        graph = build_graph(
            layout, paths, sound, screen, preset_name, device, report, namespace, recording, other,
            fast,
        )  # fmt: skip
        code = run_graph(replace(graph, only=chosen))
        figures = json.loads(report.read_text()) if report.exists() else {"frames": 0}
        if figures["frames"]:
            Console().print(latency_table(figures))
    sys.exit(code)


def choose_nodes(only: str | None, layout: Layout) -> tuple[str, ...]:
    """The nodes to start here; none named: all of them.

    Raises:
        ValueError: one that the layout does not have; lists those that it has.
    """
    names = tuple(only.split(",")) if only is not None else ()
    for name in names:
        if name not in (*NODES[layout], *OPTIONAL):
            raise ValueError(
                f"only={name!r}: layout {layout} has {', '.join((*NODES[layout], *OPTIONAL))}"
            )
    return names


def build_graph(
    layout: Layout,
    portraits: list[str],
    sound: Sound,
    screen: str,
    preset_name: str,
    device: str,
    report: Path,
    namespace: str = "",
    recording: str | None = None,
    partner: Sound | None = None,
    fast: bool = False,
) -> Graph:
    """The graph with the parameters of each node.

    Raises:
        ValueError: the recording does not fit the preset, or `fast` without a GPU; said here,
            because the nodes would say it one by one.
    """
    if fast:
        require_gpu_for_fast(device)
    if recording is not None:
        from talking_portrait_ros.pipeline import build_pipeline

        build_pipeline(with_recording(preset(preset_name), recording))
    parameters: dict[str, dict[str, Any]] = {
        "references": {"portraits": portraits},
        "audio": {"source": sound.source, "exit_at_end": sound.ends, **sound.parameters},
        "screen": {
            "output": screen,
            "report": str(report),
            "sound": can_be_heard(screen),
        },
    }
    for node in ("features", "latents", "frames", "fused"):
        parameters[node] = {"preset": preset_name, "device": device, "fast": fast}
        if recording is not None:
            parameters[node]["latents.file"] = str(Path(recording).resolve())
    if partner is not None:
        parameters["partner"] = {"source": partner.source, **partner.parameters}
    return Graph(layout, namespace, parameters, common={"exit_on_failure": True})


def can_be_heard(screen: str) -> bool:
    """Whether the sound can be played; says so where a window would be silent."""
    from talking_portrait_ros.audio.port_audio import list_outputs

    if parse_screen(screen).kind != "window":
        return False
    try:
        found = bool(list_outputs())
    except RuntimeError:
        found = False
    if not found:
        click.echo("no sound output here: the face is shown without sound", err=True)
    return found


def check_portraits(portraits: tuple[str, ...]) -> list[str]:
    """Absolute paths of pictures that will do; their landmarks are stored on the way.

    Raises:
        ValueError: a picture that will not do.
    """
    load_references(portraits)
    return [name if name == AVATAR else str(Path(name).resolve()) for name in portraits]


def check_namespace(namespace: str) -> None:
    """Refuse what is no ROS namespace.

    Raises:
        ValueError: names the value and what a namespace may look like.
    """
    word = "[A-Za-z_][A-Za-z0-9_]*"
    if namespace and not re.fullmatch(f"/?{word}(/{word})*/?", namespace):
        raise ValueError(
            f"namespace={namespace!r}: use letters, digits and _, no digit first, e.g. robot1/face"
        )


def check_screen(screen: str) -> None:
    """Refuse a screen that cannot be opened.

    Raises:
        ValueError: an unknown kind, an unwritable path, or a window without a display.
    """
    shown = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"))
    if parse_screen(screen).kind == "window" and not shown:
        raise ValueError(
            "screen='window': there is no display; use --screen file:PATH or --screen none, "
            "or set DISPLAY"
        )
