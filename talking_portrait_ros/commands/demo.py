"""`talking-portrait demo`: the live graph speaks a sentence into a video, with a contact sheet."""

from __future__ import annotations

from pathlib import Path

import av
import click
import cv2
import numpy as np

from talking_portrait_ros.chunks import U8
from talking_portrait_ros.commands.options import layout_option, portrait_option, preset_option
from talking_portrait_ros.commands.run import run
from talking_portrait_ros.screen.sheet import contact_sheet

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
    path = Path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
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
    sheet = path.with_suffix(".png")
    write_sheet(path, sheet)
    click.echo(f"{path} and {sheet} are ready")


def write_sheet(video: Path, sheet: Path) -> None:
    """A contact sheet of frames spread evenly over `video`, each with its time."""
    with av.open(str(video)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        fps = float(container.streams.video[0].average_rate or 25)
    chosen = np.linspace(0, len(frames) - 1, min(N_CELLS, len(frames))).astype(int)
    pictures: list[U8] = [frames[index] for index in chosen]
    labels = [f"{index / fps:.2f} s" for index in chosen]
    picture = contact_sheet(pictures, labels, columns=6, cell_px=240)
    cv2.imwrite(str(sheet), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
