"""`talking-portrait reconstruct`: a video through the VAE and back; try it on your own face."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import click
import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from talking_portrait_ros.audio.files import FileSource
from talking_portrait_ros.chunks import F32, U8
from talking_portrait_ros.commands.options import check_json_path, device_option
from talking_portrait_ros.commands.tables import figures_table
from talking_portrait_ros.device import require_device
from talking_portrait_ros.evaluation.footage import Footage, open_footage
from talking_portrait_ros.evaluation.reconstruction import Reconstruction
from talking_portrait_ros.evaluation.report import save_json
from talking_portrait_ros.evaluation.sheets import reconstruction_sheet
from talking_portrait_ros.evaluation.vae_weights import load_vae
from talking_portrait_ros.frames.portrait import crop_face
from talking_portrait_ros.frames.references import load_references
from talking_portrait_ros.latents.replay.recording import Recording, save_recording
from talking_portrait_ros.screen.video import VideoWriter, check_video_path
from talking_portrait_ros.timebase import Timebase

N_MOMENTS = 4


@click.command()
@click.option("--video", required=True, metavar="VIDEO", help="A video of one person's face.")
@click.option(
    "--references",
    multiple=True,
    metavar="PICTURE",
    help="Picture of the person, up to three; default: the first frame of the video.",
)
@click.argument("more_references", nargs=-1, metavar="[PICTURE]...")
@click.option("--no-references", is_flag=True, help="Decode from the latents alone.")
@click.option(
    "--output",
    default="out/reconstruct.mp4",
    show_default=True,
    metavar="VIDEO",
    help="The decoded video; the comparison lies beside it as .png.",
)
@click.option("--json", "json_path", metavar="FILE", help="Write the figures here.")
@click.option("--latents", "latents_path", metavar="FILE",
              help="Write the latents here, for the preset replay_ref_vae_512.")  # fmt: skip
@click.option(
    "--preset",
    "preset_name",
    default="ref_vae_512",
    show_default=True,
    metavar="NAME",
    help="The VAE, or a .safetensors file of its weights.",
)
@click.option("--start-s", default=0.0, show_default=True, type=click.FloatRange(0), metavar="S",
              help="Where to begin.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(0), metavar="S", help="How much; default: all.")
@device_option()
def reconstruct(
    video: str,
    references: tuple[str, ...],
    more_references: tuple[str, ...],
    no_references: bool,
    output: str,
    json_path: str | None,
    latents_path: str | None,
    preset_name: str,
    start_s: float,
    seconds: float | None,
    device: str,
) -> None:
    """Encode and decode a video of a face: what the VAE keeps of it."""
    pictures = _named_pictures(references, more_references, no_references)
    path, sheet_path = _places(output, [video, *pictures])
    json_file = check_json_path(json_path) if json_path else None
    latents_file = check_json_path(latents_path, "latents") if latents_path else None
    model = load_vae(preset_name, require_device(device))
    footage = open_footage(video, model.config.resolution, start_s=start_s, seconds=seconds)
    shown = [] if no_references else _reference_frames(pictures, footage)
    kept: list[F32] | None = [] if latents_file else None
    run = Reconstruction(model, shown, kept=kept)
    moments = _write(path, footage, run)
    cv2.imwrite(str(sheet_path), cv2.cvtColor(reconstruction_sheet(moments), cv2.COLOR_RGB2BGR))
    figures = run.figures().to_dict()
    if latents_file and kept:
        per_step = model.config.time_factor
        steps = Timebase(
            fps=footage.fps, frames_per_latent_step=per_step, first_step_alone=per_step > 1
        )
        save_recording(latents_file, Recording(model.config.space, np.concatenate(kept), steps))
    if json_file:
        save_json({"video": video, "preset": preset_name, **figures}, json_file)
    Console().print(figures_table(f"{footage.path.name} through {preset_name}", figures))
    click.echo(f"{path} and {sheet_path} are ready")


def _named_pictures(
    references: tuple[str, ...], more: tuple[str, ...], no_references: bool
) -> list[str]:
    """The pictures after --references, which may be given once with several or several times.

    Raises:
        ValueError: stray words, pictures and --no-references together, or more than three.
    """
    pictures = [*references, *more]
    if more and not references:
        raise ValueError(f"unexpected {more[0]!r}; give pictures after --references")
    if pictures and no_references:
        raise ValueError("--references and --no-references: give one of them")
    if len(pictures) > 3:
        raise ValueError(f"references: {len(pictures)} pictures given; give up to 3")
    return pictures


def _places(output: str, inputs: Sequence[str]) -> tuple[Path, Path]:
    """Where the video and the comparison go.

    Raises:
        ValueError: no video can be written there, or one of the two is an input.
    """
    path = Path(output)
    sheet_path = path.with_suffix(".png")
    read = [Path(name).resolve() for name in inputs]
    for written in (path, sheet_path):
        if written.resolve() in read:
            raise ValueError(f"output={output!r}: {written} is an input; choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    return check_video_path(path), sheet_path


def _reference_frames(pictures: Sequence[str], footage: Footage) -> list[U8]:
    """The references as large as the frames: cropped to the face, or the first frame."""
    if not pictures:
        return footage.at([0])
    loaded = load_references(pictures).items
    return [crop_face(reference, footage.resolution).image for reference in loaded]


def _write(path: Path, footage: Footage, run: Reconstruction) -> list[tuple[float, U8, U8]]:
    """The decoded video with the original's sound; moments (seconds, original, decoded) of it."""
    timebase = Timebase(fps=footage.fps)
    wanted = set(np.linspace(0, footage.n_frames - 1, N_MOMENTS).astype(int).tolist())
    moments = []
    pairs = track(
        run.run(footage.frames()), "encoding and decoding", footage.n_frames, console=Console()
    )
    with closing(VideoWriter(path, timebase)) as writer:
        sounds = _sounds(footage, timebase)
        for k, (original, decoded) in enumerate(pairs):
            writer.add(decoded, next(sounds))
            if k in wanted:
                moments.append((k / footage.fps, original, decoded))
    return moments


def _sounds(footage: Footage, timebase: Timebase) -> Iterator[F32]:
    """The sound under each frame, for ever; silence after its end or where there is none."""
    n = timebase.samples_per_frame
    if footage.has_sound:
        with closing(FileSource(footage.path, timebase.sample_rate_hz)) as source:
            for _ in range(footage.first_frame):
                source.read(n)
            while not source.exhausted:
                yield source.read(n)
    while True:
        yield np.zeros(n, np.float32)
