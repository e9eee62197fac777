"""`talking-portrait corpus`: the material of the video corpus, and a look at its clips."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import cv2
import numpy as np
import torch
from torch.nn import functional

from talking_portrait_ros.chunks import U8
from talking_portrait_ros.commands.options import device_option
from talking_portrait_ros.device import require_device
from talking_portrait_ros.screen.sheet import contact_sheet
from talking_portrait_ros.screen.video import check_video_path, write_video

if TYPE_CHECKING:
    from torch import Tensor

    from talking_portrait_ros.training.corpus import Clip

N_FRAMES, N_SHOWN = 33, 5
CELL_PX = 192


@click.group()
def corpus() -> None:
    """Labelled clips that the portrait rig draws, for training."""


@corpus.command()
@click.option("--portraits", metavar="DIR", help="Folder with portraits; avatars alone without.")
@click.option("--output", required=True, metavar="FILE", help="The .safetensors to write.")
@click.option("--people", default=0, show_default=True, help="So many of the portraits; 0: all.")
@click.option("--avatars", default=40, show_default=True, help="Faces drawn at random.")
@click.option("--utterances", default=40, show_default=True, help="Sentences of each voice.")
@click.option("--seed", default=1, show_default=True, help="Of looks and sentences.")
def prepare(
    portraits: str | None, output: str, people: int, avatars: int, utterances: int, seed: int
) -> None:
    """Make a pack of portraits, drawn faces and speech: one file of at most 64 MiB."""
    from talking_portrait_ros.training.corpus import prepare as making

    path = Path(output)
    if path.suffix != ".safetensors" or not path.parent.is_dir():
        raise ValueError(f"output={output!r}: give a .safetensors file in a folder that exists")
    for name, value in (("people", people), ("avatars", avatars), ("utterances", utterances)):
        if value < 0:
            raise ValueError(f"{name}={value}: must be 0 or more")
    pack = making.prepare(portraits, people, avatars, utterances, seed)
    pack.save(path)
    size = path.stat().st_size / 2**20
    click.echo(f"{path}: {len(pack.people)} people, {pack.speech_s:.0f} s speech, {size:.1f} MiB")


@corpus.command()
@click.option("--pack", required=True, metavar="FILE", help="A pack that `prepare` made.")
@click.option("--output", required=True, metavar="FILE", help="The .png or .mp4 to write.")
@click.option("--seed", default=0, show_default=True, help="Of the first clip.")
@click.option("--resolution", default=256, show_default=True, help="Of the clips, pixels.")
@click.option("--frames", default=N_FRAMES, show_default=True, help="Length of each clip.")
@click.option("--clips", default=6, show_default=True, help="Rows of the .png.")
@click.option("--person", help="Name of the person; any without.")
@device_option()
def preview(
    pack: str, output: str, seed: int, resolution: int, frames: int, clips: int,
    person: str | None, device: str,
) -> None:  # fmt: skip
    """Show clips: .png one per row, with references and coordinates; .mp4 one with sound."""
    from talking_portrait_ros.training.corpus import Corpus

    path = Path(output)
    is_picture = path.suffix.lower() == ".png"
    if not is_picture:
        check_video_path(path)
    elif not path.parent.is_dir():
        raise ValueError(f"output={output!r}: folder {path.parent} does not exist; create it")
    made = Corpus.load(pack, require_device(device))
    if is_picture:
        _write_sheet(path, [made.clip(seed + i, resolution, frames, person) for i in range(clips)])
    else:
        _write_video(path, made.clip(seed, resolution, frames, person))
    click.echo(str(path))


@corpus.command()
@click.option("--pack", required=True, metavar="FILE", help="A pack that `prepare` made.")
@click.option("--output", required=True, metavar="DIR", help="Folder for the shards.")
@click.option("--frames", "frames_preset", default="ref_vae_512", show_default=True,
              help="The VAE, a frames preset.")  # fmt: skip
@click.option("--clips", default=512, show_default=True, help="So many clips.")
@click.option(
    "--length",
    default=61,
    show_default=True,
    help="Frames of a clip, 1 + f n with f per latent step.",
)
@click.option("--render", "rendered_px", default=256, show_default=True,
              help="Side at which clips are drawn, pixels; enlarged for the VAE.")  # fmt: skip
@click.option("--shard", default=32, show_default=True, help="Clips of a shard.")
@click.option("--seed", default=0, show_default=True, help="Of the first clip.")
@click.option("--lookahead-ms", default=60, show_default=True, help="Of the features.")
@click.option("--guide-lips", default="dyadic_512", show_default=True, metavar="WEIGHTS",
              help="Whose lip nets join the guide, as in the generator; '' for none.")  # fmt: skip
@device_option()
def encode(
    pack: str, output: str, frames_preset: str, clips: int, length: int, rendered_px: int,
    shard: int, seed: int, lookahead_ms: int, guide_lips: str, device: str,
) -> None:  # fmt: skip
    """Make latents of clips, for generators to learn from; goes on where it was broken off."""
    from talking_portrait_ros.training.block_flow.encoding import Encoder, Listener, encode_corpus
    from talking_portrait_ros.training.loop.progress import ProgressLine

    for name, value in (("clips", clips), ("shard", shard)):
        if value < 1:
            raise ValueError(f"{name}={value}: must be 1 or more")
    torch.set_num_threads(1)
    listener = Listener(lookahead_ms, guide_lips)
    encoder = Encoder(pack, frames_preset, length, rendered_px, listener, require_device(device))
    with ProgressLine("corpus encode", clips) as line:
        for done in encode_corpus(encoder, Path(output), clips, shard, seed):
            line.show(done, f"{done} clips of {length} frames")
    click.echo(output)


@corpus.command()
@click.option("--output", required=True, metavar="FILE", help="The .safetensors to write.")
@click.option("--minutes", default=60.0, show_default=True, help="How much, at most about 110.")
@click.option("--seed", default=1, show_default=True, help="Of talk, sound and motion.")
@click.option("--validation", is_flag=True, help="Voices and phrases that training never hears.")
def conversations(output: str, minutes: float, seed: int, validation: bool) -> None:
    """Make conversations of two voices, with the motion of one face: one file of <= 64 MiB."""
    from talking_portrait_ros.training.conversations.conversation import save_pack
    from talking_portrait_ros.training.conversations.making import conversations as made
    from talking_portrait_ros.training.loop.progress import ProgressLine

    path = Path(output)
    if path.suffix != ".safetensors" or not path.parent.is_dir():
        raise ValueError(f"output={output!r}: give a .safetensors file in a folder that exists")
    pack = []
    with ProgressLine("corpus conversations", round(60 * minutes)) as line:
        for one in made(minutes, seed, validation):
            pack.append(one)
            line.show(sum(each.n_frames for each in pack) // 25, one.name)
    save_pack(path, pack)
    size = path.stat().st_size / 2**20
    click.echo(f"{path}: {len(pack)} conversations, {minutes:g} minutes, {size:.1f} MiB")


def _write_sheet(path: Path, clips: list[Clip]) -> None:
    cells: list[U8] = []
    labels: list[str] = []
    for clip in clips:
        shown = np.linspace(0, len(clip.frames) - 1, N_SHOWN).round().astype(int).tolist()
        pictures = [clip.frames[i] for i in shown] + list(clip.references)
        maps = [_map_picture(clip, i) for i in (shown[0], shown[-1])]
        cells += [_picture(planes) for planes in pictures] + maps
        labels += [f"{clip.person} {i}" for i in shown]
        labels += [f"reference {k}" for k in range(len(clip.references))]
        labels += [f"coordinates {i}" for i in (shown[0], shown[-1])]
    sheet = contact_sheet(cells, labels, columns=N_SHOWN + 5, cell_px=CELL_PX)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


def _write_video(path: Path, clip: Clip) -> None:
    pictures = [_picture(planes) for planes in clip.frames]
    write_video(path, pictures, clip.samples.cpu().numpy())


def _picture(planes: Tensor) -> U8:
    return np.ascontiguousarray(planes.permute(1, 2, 0).cpu().numpy())


def _map_picture(clip: Clip, index: int) -> U8:
    """Coordinates as colours: x red, y green, lines every tenth; blue where they do not hold."""
    size = clip.frames.shape[-1]
    maps = torch.cat([clip.coordinates[index], clip.valid[index]])[None].cpu()
    x, y, valid = functional.interpolate(maps, size, mode="bilinear")[0].numpy()
    red, green = ((127.5 * (value + 1)).clip(0, 255) for value in (x, y))
    line = (np.abs(10 * x % 1 - 0.5) > 0.45) | (np.abs(10 * y % 1 - 0.5) > 0.45)
    colours = np.stack([red, green, 255 * (1 - valid)], axis=-1)
    colours[..., :2] *= np.where(line, 0.5, 1.0)[..., None]
    return colours.astype(np.uint8)
