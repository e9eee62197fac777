"""`talking-portrait bench`: the real graph at the pace of real time, measured."""

from __future__ import annotations

import json
import tempfile
import wave
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from talking_portrait_ros.audio.files import read_sound
from talking_portrait_ros.commands.graph import Graph, Layout, run_graph
from talking_portrait_ros.commands.load import LoadSampler, machine_name, remap_ms
from talking_portrait_ros.commands.options import (
    check_json_path,
    device_option,
    fast_option,
    latents_option,
    layout_option,
    portrait_option,
    preset_option,
)
from talking_portrait_ros.commands.run import build_graph, check_portraits
from talking_portrait_ros.commands.sounds import Sound, file_sound
from talking_portrait_ros.commands.tables import figures_table, latency_table, load_table
from talking_portrait_ros.device import require_device
from talking_portrait_ros.presets import SKETCHES, preset, with_recording
from talking_portrait_ros.stage_specs import FRAMES, LATENTS

if TYPE_CHECKING:
    from talking_portrait_ros.evaluation.decoder_speed import DecoderRun
    from talking_portrait_ros.evaluation.pipeline_speed import PipelineRun

RATE_HZ = 16_000
TEXT = (
    "The quick brown fox jumps over the lazy dog. We measure from the mouth to the picture: "
    "five stages, one clock, and no frame too late. Every pause is part of the speech. "
)


@click.command()
@portrait_option()
@click.option("--audio", metavar="FILE", help="Speech to use, repeated; default: synthesised.")
@layout_option()
@click.option(
    "--seconds",
    default=60,
    show_default=True,
    type=click.IntRange(5, 86_400),
    help="How long to run.",
)
@preset_option()
@latents_option()
@device_option()
@click.option("--partner", metavar="FILE", help="Somebody in front says this sound file.")
@click.option(
    "--alone",
    is_flag=True,
    help="Measure the pipeline without a graph, as fast as it goes. Always so for those without "
    f"weights: {', '.join(SKETCHES)}.",
)
@click.option(
    "--blocks",
    default=24,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="With --alone: blocks to time after the first.",
)
@click.option(
    "--frames",
    "decoder",
    metavar="NAME",
    help=f"Measure this frames stage alone, without a graph: {', '.join(FRAMES)}.",
)
@click.option(
    "--generator",
    metavar="NAME",
    help=f"Measure this generator alone, without a graph: {', '.join(LATENTS)}.",
)
@click.option(
    "--steps",
    default=100,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="With --frames: latent steps to time; with --generator: frames.",
)
@click.option(
    "--references",
    default=1,
    show_default=True,
    type=click.IntRange(0, 3),
    help="With --frames: pictures of the person.",
)
@click.option(
    "--threads",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="With --frames, --generator or --alone: CPU threads of torch.",
)
@fast_option()
@click.option("--json", "json_path", metavar="FILE", help="Write every figure here.")
def bench(
    portraits: tuple[str, ...],
    audio: str | None,
    partner: str | None,
    layout: Layout,
    seconds: int,
    preset_name: str,
    recording: str | None,
    device: str,
    alone: bool,
    blocks: int,
    decoder: str | None,
    generator: str | None,
    steps: int,
    references: int,
    threads: int,
    fast: bool,
    json_path: str | None,
) -> None:
    """Measure the live graph: latencies, frame rate, deadline misses, load; or less than it."""
    if json_path is not None:
        check_json_path(json_path)
    if decoder is not None:
        from talking_portrait_ros.evaluation.decoder_speed import DecoderRun

        run = DecoderRun(decoder, require_device(device), steps, references, threads, fast)
        bench_decoder(run, json_path)
        return
    if alone or preset_name in SKETCHES:
        from talking_portrait_ros.evaluation.pipeline_speed import PipelineRun

        whole = PipelineRun(preset_name, require_device(device), blocks, threads, fast)
        bench_pipeline(whole, json_path)
        return
    if generator is not None:
        if fast:
            raise click.UsageError("--fast: leave it out with --generator")
        bench_generator(generator, require_device(device), steps, threads, json_path)
        return
    resolution = with_recording(preset(preset_name), recording).resolution
    paths = check_portraits(portraits)
    require_device(device)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="talking_portrait_") as folder:
        sound = Path(folder) / "speech.wav"
        write_speech(sound, seconds, audio)
        report = Path(folder) / "report.json"
        source = Sound("file", {"file": str(sound)})
        graph = build_graph(
            layout, paths, source, "none", preset_name, device, report, "bench", recording,
            None if partner is None else file_sound(partner), fast,
        )  # fmt: skip
        console.print(f"running the graph for {seconds} s, layout {layout} ...")
        figures = measure(replace(graph, respawn=False), report)
    figures |= {
        "layout": layout,
        "preset": preset_name,
        "resolution": resolution,
        "device": device,
        "machine": machine_name(),
    }
    console.print(latency_table(figures), load_table(figures["nodes"]))
    console.print(
        f"{figures['cpu_ms_per_frame']:.1f} ms of CPU per frame, all nodes together: "
        f"{figures['cpu_per_remap']:.0f} times one {resolution}x{resolution} cv2.remap, "
        f"which took {figures['remap_ms']:.2f} ms in this run\n{figures['machine']}"
    )
    if json_path is not None:
        Path(json_path).write_text(json.dumps(figures, indent=2) + "\n")


def bench_generator(
    name: str, device: str, n_frames: int, threads: int, json_path: str | None
) -> None:
    """Measure a latents stage alone."""
    from talking_portrait_ros.evaluation.generator_speed import measure_generator

    figures = measure_generator(name, device, n_frames, threads) | {"machine": machine_name()}
    Console().print(figures_table(f"{name} alone", figures))
    if json_path is not None:
        Path(json_path).write_text(json.dumps(figures, indent=2) + "\n")


def bench_decoder(run: DecoderRun, json_path: str | None) -> None:
    """Measure a frames stage alone."""
    from talking_portrait_ros.evaluation.decoder_speed import measure_decoder

    console = Console()
    figures = measure_decoder(run) | {"machine": machine_name()}
    console.print(figures_table(f"{run.frames} alone", figures))
    if figures["weights"] == "random":
        console.print("random weights: the speed is that of trained ones, the pictures are noise")
    if json_path is not None:
        Path(json_path).write_text(json.dumps(figures, indent=2) + "\n")


def bench_pipeline(run: PipelineRun, json_path: str | None) -> None:
    """Measure a pipeline alone."""
    from talking_portrait_ros.evaluation.pipeline_speed import measure_pipeline

    figures = measure_pipeline(run) | {"machine": machine_name()}
    Console().print(figures_table(f"{run.preset} alone", figures))
    if json_path is not None:
        Path(json_path).write_text(json.dumps(figures, indent=2) + "\n")


def measure(graph: Graph, report: Path) -> dict[str, Any]:
    """Run `graph` to its end; the screen's report and the load of all nodes.

    Raises:
        ValueError: a node ended early, or nothing was shown.
    """
    with LoadSampler(graph.nodes) as sampler:
        code = run_graph(graph)
    if code or not report.exists():
        raise ValueError(f"bench: the graph ended with code {code}; its lines above say why")
    figures: dict[str, Any] = json.loads(report.read_text())
    if not figures["frames"]:
        raise ValueError("bench: no frame was shown; see the nodes' lines above")
    usage = sampler.usage()
    cpu_percent = sum(values["cpu_percent"] for values in usage.values())
    once_ms = remap_ms()
    per_frame_ms = 10 * cpu_percent / figures["fps"]
    return figures | {
        "nodes": usage,
        "cpu_percent": cpu_percent,
        "rss_mb": sum(values["rss_mb"] for values in usage.values()),
        "rss_growth_mb": sum(values["rss_growth_mb"] for values in usage.values()),
        "cpu_ms_per_frame": per_frame_ms,
        "remap_ms": once_ms,
        "cpu_per_remap": per_frame_ms / once_ms,
    }


def write_speech(path: Path, seconds: int, audio: str | None) -> None:
    """A sound file of `seconds`: speech with pauses, repeated as often as needed."""
    samples = speech() if audio is None else read_sound(audio, RATE_HZ)
    once = (np.clip(samples, -1, 1) * 32767).astype("<i2")
    missing = seconds * RATE_HZ
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        while missing:
            part = once[:missing]
            file.writeframes(part.tobytes())
            missing -= len(part)


def speech() -> NDArray[np.float32]:
    """The built-in text, spoken, with a second of silence behind it."""
    import soxr

    from talking_portrait_ros.audio.speech import synthesise

    spoken = synthesise(TEXT)
    samples: NDArray[np.float32] = soxr.resample(spoken.samples, spoken.sample_rate_hz, RATE_HZ)
    return np.concatenate([samples, np.zeros(RATE_HZ)]).astype(np.float32, copy=False)
