"""`talking-portrait demo`: the live graph speaks a sentence into a video, with a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import click
import cv2
import numpy as np

from talking_portrait_ros.chunks import U8
from talking_portrait_ros.commands.options import layout_option, portrait_option, preset_option
from talking_portrait_ros.commands.run import run
from talking_portrait_ros.screen.sheet import contact_sheet
from talking_portrait_ros.screen.video import check_video_path

N_CELLS = 24
SENTENCE = "Hello! I turn speech into motion, frame by frame, while you listen."


@click.command()
@portrait_option()
@click.option("--say", default=SENTENCE, show_default=True, metavar="TEXT", help="What to say.")
@click.option(
    "--output",
    default="out/demo.mp4",
    show_default=True,
    metavar="VIDEO",
    help="The video; the contact sheet lies beside it as .png.",
)
@layout_option()
@preset_option()
@click.pass_context
def demo(
    context: click.Context,
    portraits: tuple[str, ...],
    say: str,
    output: str,
    layout: str,
    preset_name: str,
) -> None:
    """Speak a sentence through the live graph into a video and a contact sheet."""
    path, sheet = prepare_output(output, portraits)
    try:
        context.invoke(
            run,
            portraits=portraits,
            say=say,
            screen=f"file:{path}",
            layout=layout,
            preset_name=preset_name,
        )
    except SystemExit as end:
        if end.code:
            raise
    if not path.exists():
        raise ValueError(f"demo: {path} was not written; the lines above say why")
    write_sheet(path, sheet)
    click.echo(f"{path} and {sheet} are ready")


def prepare_output(output: str, portraits: Sequence[str]) -> tuple[Path, Path]:
    """Where the video and the contact sheet go; an earlier video there is removed.

    Raises:
        ValueError: no video can be written there, or a portrait lies where the sheet goes.
    """
    path = Path(output)
    sheet = path.with_suffix(".png")
    if sheet.resolve() in [Path(name).resolve() for name in portraits]:
        raise ValueError(f"output={output!r}: {sheet} is the portrait; choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    check_video_path(path).unlink(missing_ok=True)
    return path, sheet


def write_sheet(video: Path, sheet: Path) -> None:
    """A contact sheet of frames spread evenly over `video`, each with its time."""
    with av.open(str(video)) as container:
        n_frames = sum(1 for _ in container.decode(video=0))
        fps = float(container.streams.video[0].average_rate or 25)
    chosen = np.linspace(0, n_frames - 1, min(N_CELLS, n_frames)).astype(int).tolist()
    pictures: list[U8] = []
    with av.open(str(video)) as container:  # a second time, so that few pictures are in memory
        for index, frame in enumerate(container.decode(video=0)):
            if index in chosen:
                pictures.append(frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False))
    labels = [f"{index / fps:.2f} s" for index in chosen]
    picture = contact_sheet(pictures, labels, columns=6, cell_px=240)
    cv2.imwrite(str(sheet), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
