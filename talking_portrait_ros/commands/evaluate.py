"""`talking-portrait evaluate`: measures against real speakers, real pictures, conversations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from talking_portrait_ros.commands.evaluate_parts import (
    CONVERSATIONS,
    DEFAULT_VAE,
    LOOKAHEADS,
    PARTS,
    VALIDATION_PACKS,
    Settings,
    console,
)
from talking_portrait_ros.commands.options import device_option
from talking_portrait_ros.device import require_device
from talking_portrait_ros.frames.references import AVATAR
from talking_portrait_ros.presets import DEFAULT_PRESET, preset


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
    metavar="NAME",
    help="Pipelines to compare; repeatable. Default: "
    f"{', '.join(LOOKAHEADS)}; for dyadic those that hear a partner, and {DEFAULT_PRESET}.",
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
@click.option(
    "--vae",
    multiple=True,
    default=(DEFAULT_VAE,),
    show_default=True,
    metavar="NAME",
    help="VAEs to compare in reconstruction, or .safetensors files of weights; repeatable.",
)
@click.option(
    "--pack",
    metavar="FILE",
    help=f"Corpus of unseen people; default: {VALIDATION_PACKS}. Conversations for dyadic; "
    f"default: {CONVERSATIONS}.",
)
@click.option("--people", type=click.IntRange(1), help="So many people of it; default: all.")
@click.option(
    "--seconds", type=click.FloatRange(0.2), help="So much of each real video; default: all."
)
@click.option(
    "--drift-minutes",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Also reconstruct one clip of so many minutes, measured minute by minute.",
)
@click.option(
    "--long-minutes",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="In dyadic: also one session of so many minutes: head pose, repetition, memory. In "
    "life: likeness, sharpness, memory.",
)
@click.option(
    "--tracks",
    nargs=2,
    metavar="OWN PARTNER",
    help="In dyadic: two sound files instead of a pack; there is no label then.",
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
    vae: tuple[str, ...],
    pack: str | None,
    people: int | None,
    seconds: float | None,
    drift_minutes: int,
    long_minutes: int,
    tracks: tuple[str, str] | None,
    device: str,
    output: str,
    json_path: str | None,
) -> None:
    """Measure lips, silence, the rig's obedience, odd pictures, the VAE, conversations, life."""
    from talking_portrait_ros.evaluation.report import save_json

    for name in presets:
        preset(name)
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        clips, presets, portrait, resolution, require_device(device), folder,
        vae, pack, people, seconds, drift_minutes, long_minutes, tracks,
    )  # fmt: skip
    path = Path(json_path) if json_path else folder / "evaluate.json"
    figures: dict[str, Any] = {}
    for part in dict.fromkeys(parts):
        figures[part] = PARTS[part](settings)
        save_json(figures, path)  # now: a later part may be refused after minutes of work
    console.print(f"every figure is in {path}")
