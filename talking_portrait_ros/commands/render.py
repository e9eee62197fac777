"""`talking-portrait render`: file to file, no ROS, as fast as the machine goes."""

from __future__ import annotations

from collections.abc import Iterator

import click
import numpy as np
from numpy.typing import NDArray
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from talking_portrait_ros.audio.files import read_sound
from talking_portrait_ros.chunks import F32
from talking_portrait_ros.commands.options import (
    device_option,
    latents_option,
    portrait_option,
    preset_option,
    require_other_file,
)
from talking_portrait_ros.device import require_device
from talking_portrait_ros.frames.references import load_references
from talking_portrait_ros.pipeline import build_pipeline
from talking_portrait_ros.presets import preset, with_recording
from talking_portrait_ros.screen.video import check_video_path, write_video


@click.command()
@portrait_option()
@click.option("--audio", required=True, metavar="SOUND", help="Any sound file that PyAV reads.")
@click.option(
    "--partner",
    metavar="SOUND",
    help="What the person in front says; heard in the video too. For pipelines that listen.",
)
@click.option("--output", required=True, metavar="VIDEO", help="The .mp4 to write.")
@preset_option()
@latents_option()
@device_option()
def render(
    portraits: tuple[str, ...],
    audio: str,
    partner: str | None,
    output: str,
    preset_name: str,
    recording: str | None,
    device: str,
) -> None:
    """Make a video of the portrait speaking a sound file."""
    chosen = with_recording(preset(preset_name), recording)
    path = check_video_path(output)
    require_other_file(path, audio)
    pipeline = build_pipeline(chosen, require_device(device))
    timebase = pipeline.timebase
    samples = read_sound(audio, timebase.sample_rate_hz)
    other = None
    if partner is not None:
        samples, other = _of_one_length(samples, read_sound(partner, timebase.sample_rate_hz))
    heard = samples if other is None else np.clip(samples + other, -1, 1)
    references = load_references(portraits)
    total = -(-len(samples) // timebase.samples_per_frame)
    columns = (TextColumn("rendering"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("rendering", total=total)
        pictures = _counted(pipeline.render(samples, references, partner=other), progress, task)
        write_video(path, pictures, heard, timebase.sample_rate_hz, timebase.fps)
    click.echo(f"{output}: {total} frames, {chosen.resolution}x{chosen.resolution}")


def _of_one_length(first: F32, second: F32) -> tuple[F32, F32]:
    """Both, the shorter filled with silence."""
    n_samples = max(len(first), len(second))
    padded = [np.pad(sound, (0, n_samples - len(sound))) for sound in (first, second)]
    return padded[0], padded[1]


def _counted(
    items: Iterator[NDArray[np.uint8]], progress: Progress, task: TaskID
) -> Iterator[NDArray[np.uint8]]:
    """`items`, with the progress bar moved by one for each."""
    for item in items:
        yield item
        progress.advance(task)
