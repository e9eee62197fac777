"""Options that several subcommands share, so that they read and behave alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from talking_portrait_ros.presets import DEFAULT_PRESET, PRESETS

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def portrait_option() -> Decorator:
    """--portrait, one to three times."""
    return click.option(
        "--portrait",
        "portraits",
        multiple=True,
        default=("avatar",),
        show_default=True,
        metavar="PICTURE",
        help="Picture of the person, or 'avatar' for the drawn one; up to three times.",
    )


def preset_option() -> Decorator:
    """--preset."""
    names = "; ".join(f"{name}: {preset.description}" for name, preset in PRESETS.items())
    return click.option(
        "--preset",
        "preset_name",
        default=DEFAULT_PRESET,
        show_default=True,
        metavar="NAME",
        help=f"Pipeline to use. {names}",
    )


def latents_option() -> Decorator:
    """--latents."""
    return click.option(
        "--latents",
        "recording",
        metavar="FILE",
        help="Recording of video latents, for a preset that replays one.",
    )


def partner_options() -> Decorator:
    """--partner and --partner-mic."""
    file = click.option(
        "--partner", metavar="FILE", help="What the person in front says: this sound file."
    )
    microphone = click.option(
        "--partner-mic",
        is_flag=False,
        flag_value="",
        metavar="[DEVICE]",
        help="The person in front speaks into this microphone, given as for --mic.",
    )
    return lambda command: file(microphone(command))


def device_option() -> Decorator:
    """--device."""
    return click.option(
        "--device",
        default="cpu",
        show_default=True,
        help="Where the models run: cpu, cuda, cuda:1, ...",
    )


def fast_option() -> Decorator:
    """--fast."""
    return click.option("--fast", is_flag=True, help="On a GPU: bfloat16 and CUDA graphs.")


def layout_option() -> Decorator:
    """--layout."""
    return click.option(
        "--layout",
        type=click.Choice(["split", "fused"]),
        default="split",
        show_default=True,
        help="split: one process per stage; fused: all stages in one process.",
    )


def namespace_option() -> Decorator:
    """--namespace."""
    return click.option(
        "--namespace", default="", help="ROS namespace; one namespace is one avatar."
    )


def require_other_file(output: Path | None, audio: str) -> None:
    """Refuse to write a video over the sound that it is made from.

    Raises:
        ValueError: both are one file.
    """
    if output is not None and output.resolve() == Path(audio).resolve():
        raise ValueError(f"output {str(output)!r} is the sound file; choose another name")


def check_json_path(path: str, field: str = "json") -> Path:
    """`path`, if a file can be written there.

    Raises:
        ValueError: a folder, or a name in a folder that does not exist.
    """
    found = Path(path)
    if not found.resolve().parent.is_dir():
        raise ValueError(f"{field}={path!r}: the folder does not exist; create it")
    if found.is_dir():
        raise ValueError(f"{field}={path!r} is a folder; give the name of a file")
    return found
