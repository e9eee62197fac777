"""`talking-portrait evaluate`: measures against real speakers and real pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from talking_portrait_ros.commands.options import device_option
from talking_portrait_ros.device import require_device
from talking_portrait_ros.frames.references import AVATAR, load_references
from talking_portrait_ros.presets import DEFAULT_PRESET, preset

T = TypeVar("T")
LOOKAHEADS = ("rig_512_la0", "rig_512", "rig_512_la120", "rig_512_la200")
console = Console()


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the parts need to know."""

    clips: str | None
    presets: tuple[str, ...]
    portrait: str
    resolution: int | None
    device: str
    output: Path


def evaluate_clips(settings: Settings) -> dict[str, Any]:
    """Lips from sound against real speakers, beside loudness and a linear model."""
    from talking_portrait_ros.evaluation import report as reports
    from talking_portrait_ros.evaluation.clips import data_folder, load_clips
    from talking_portrait_ros.evaluation.lips import evaluate_lips

    folder = Path(settings.clips) if settings.clips else data_folder("talking")
    clips = load_clips(folder, watch=_watch)
    reference = None
    if settings.portrait != "clip":
        reference = load_references([settings.portrait]).first
    found = evaluate_lips(
        clips, settings.presets, settings.resolution, reference, settings.device, _watch
    )
    console.print(reports.lips_table(found), reports.differences_table(found))
    for note in reports.lips_notes(found):
        console.print(f"- {note}")
    reports.plot_lips(found, settings.output / "lips.png")
    return reports.lips_dict(found)


def evaluate_pauses(settings: Settings) -> dict[str, Any]:
    """Closed lips in pauses, and none that chatter to noise or music."""
    from talking_portrait_ros.evaluation import report as reports
    from talking_portrait_ros.evaluation.clips import data_folder
    from talking_portrait_ros.evaluation.runner import Runner
    from talking_portrait_ros.evaluation.silence import SOUND_SUFFIXES, evaluate_silence

    folder = data_folder("speech")
    recordings = sorted(p for p in folder.iterdir() if p.suffix in SOUND_SUFFIXES)
    face = AVATAR if settings.portrait == "clip" else settings.portrait
    reference = load_references([face]).first
    runner = Runner(DEFAULT_PRESET, settings.resolution, settings.device)
    found = evaluate_silence(runner, recordings, reference, watch=_watch)
    return _reported(reports.silence_table(found), found)


def evaluate_commands(settings: Settings) -> dict[str, Any]:
    """Ten people: measured lips, lids and head against commanded ones."""
    from talking_portrait_ros.evaluation import report as reports
    from talking_portrait_ros.evaluation.clips import data_folder
    from talking_portrait_ros.evaluation.rig import evaluate_rig, every_nth

    people = every_nth(data_folder("portraits") / "val", 6, 10)
    found = evaluate_rig(_frames_stage(settings), people, _watch)
    return _reported(reports.rig_table(found), found)


def evaluate_pictures(settings: Settings) -> dict[str, Any]:
    """Any picture: drawn or refused; contact sheets to look at."""
    from talking_portrait_ros.evaluation import report as reports
    from talking_portrait_ros.evaluation.clips import data_folder
    from talking_portrait_ros.evaluation.faces import evaluate_faces

    pictures = sorted(p for p in data_folder("faces").iterdir() if p.suffix != ".npz")
    found = evaluate_faces(_frames_stage(settings), pictures, settings.output / "faces", _watch)
    return _reported(reports.faces_table(found), found)


PARTS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    "lips": evaluate_clips,
    "silence": evaluate_pauses,
    "rig": evaluate_commands,
    "faces": evaluate_pictures,
}


@click.command()
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(list(PARTS)),
    default=("lips", "silence"),
    show_default=True,
    help="What to measure; repeatable.",
)
@click.option(
    "--clips", metavar="FOLDER", help="Videos of people who speak; default: the evaluation data."
)
@click.option(
    "--preset",
    "presets",
    multiple=True,
    default=LOOKAHEADS,
    show_default=True,
    metavar="NAME",
    help="Pipelines to compare on the clips; repeatable.",
)
@click.option(
    "--portrait",
    default=AVATAR,
    show_default=True,
    metavar="PICTURE",
    help="The face to render; 'clip': the first picture of each clip.",
)
@click.option(
    "--resolution",
    type=click.IntRange(64, 2048),
    help="Size of the rendered frames; default: the preset's.",
)
@device_option()
@click.option(
    "--output",
    default="out/evaluate",
    show_default=True,
    metavar="FOLDER",
    help="For evaluate.json, the plot and the contact sheets.",
)
@click.option("--json", "json_path", metavar="FILE", help="Another place for the figures.")
def evaluate(
    parts: Sequence[str],
    clips: str | None,
    presets: tuple[str, ...],
    portrait: str,
    resolution: int | None,
    device: str,
    output: str,
    json_path: str | None,
) -> None:
    """Measure lips against real speakers, silence, the rig's obedience, odd pictures."""
    from talking_portrait_ros.evaluation.report import save_json

    for name in presets:
        preset(name)
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(clips, presets, portrait, resolution, require_device(device), folder)
    path = Path(json_path) if json_path else folder / "evaluate.json"
    figures: dict[str, Any] = {}
    for part in dict.fromkeys(parts):
        figures[part] = PARTS[part](settings)
        save_json(figures, path)  # now: a later part may be refused after minutes of work
    console.print(f"every figure is in {path}")


def _frames_stage(settings: Settings) -> Any:
    from talking_portrait_ros.evaluation.runner import at_resolution
    from talking_portrait_ros.pipeline import build_stage

    chosen = at_resolution(preset(settings.presets[0]), settings.resolution)
    return build_stage("frames", chosen.frames, settings.device)


def _reported(table: Table, results: Sequence[Any]) -> dict[str, Any]:
    """Prints `table`; the results as plain values, by name."""
    from talking_portrait_ros.evaluation.report import plain

    console.print(table)
    return {row["name"]: row for row in plain(results)}


def _watch(items: Sequence[T], text: str) -> Iterable[T]:
    return track(items, description=text, console=console)
