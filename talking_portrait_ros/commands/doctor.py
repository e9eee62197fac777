"""`talking-portrait doctor`: what is there, what is not, and what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import click
from rich.console import Console
from rich.table import Table

from talking_portrait_ros.commands.options import preset_option
from talking_portrait_ros.presets import PRESETS, preset

MARKS = {"ok": "[green]ok[/]", "off": "[yellow]off[/]", "missing": "[red]missing[/]"}
RECOMMENDED_BUFFER_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        name: what was looked for.
        state: "ok", "off" (an optional part is not there) or "missing" (a required one).
        detail: what was found.
        remedy: what to do, where something is to be done.
    """

    name: str
    state: Literal["ok", "off", "missing"]
    detail: str
    remedy: str = ""


@click.command()
@preset_option()
def doctor(preset_name: str) -> None:
    """Say what is there and what is not: ROS, sound, GPU, weights, expected frame rate."""
    preset(preset_name)
    table = Table("part", "state", "found", "what to do", title="talking-portrait doctor")
    worst = 0
    for finding in findings(preset_name):
        worst = max(worst, finding.state == "missing")
        table.add_row(finding.name, MARKS[finding.state], finding.detail, finding.remedy)
    Console().print(table)
    sys.exit(worst)


def findings(preset_name: str) -> Iterator[Finding]:
    """All findings, in the order in which a user would mend them."""
    checks: tuple[Callable[[], Finding], ...] = (
        find_python,
        find_ros,
        find_middleware,
        find_messages,
        find_launch,
        find_buffers,
        find_speech,
        find_inputs,
        find_outputs,
        find_window,
        find_video,
        find_face_tracker,
        find_gpu,
        find_weights,
    )
    for check in checks:
        yield check()
    yield find_speed(preset_name)


def find_python() -> Finding:
    """Interpreter and machine."""
    detail = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    return Finding("machine", "ok", detail)


def find_ros() -> Finding:
    """The ROS distribution."""
    if find_spec("rclpy") is None:
        return Finding(
            "ROS 2",
            "missing",
            "rclpy cannot be imported",
            "run `make setup`, then `source env.sh`; render works without",
        )
    names = [dist.metadata["Name"] or "" for dist in distributions()]
    wheel = next((name for name in names if name.startswith("ros-") and "rclpy" in name), None)
    distro = os.environ.get("ROS_DISTRO") or (wheel.split("-")[1] if wheel else "unknown")
    origin = f"wheels, rclpy {version(wheel)}" if wheel else "installation"
    return Finding("ROS 2", "ok", f"{distro} ({origin})")


def find_middleware() -> Finding:
    """RMW implementation and discovery range."""
    chosen = os.environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp (default)")
    reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    remedy = "for other hosts: export ROS_AUTOMATIC_DISCOVERY_RANGE=SUBNET"
    detail = f"{chosen}, discovery {reach}"
    return Finding("middleware", "ok", detail, remedy if reach == "LOCALHOST" else "")


def find_messages() -> Finding:
    """The generated messages."""
    if find_spec("talking_portrait_ros.msg") is None:
        return Finding(
            "messages",
            "missing",
            "talking_portrait_ros.msg is not built",
            "run `make setup` (or `colcon build`), then `source env.sh`",
        )
    return Finding("messages", "ok", "built")


def find_launch() -> Finding:
    """launch_ros, which is not among the wheels."""
    if find_spec("launch_ros") is None:
        return Finding(
            "launch_ros",
            "off",
            "not here",
            "`talking-portrait run` starts the graph without it; a ROS installation has it",
        )
    return Finding("launch_ros", "ok", "ros2 launch talking_portrait_ros portrait.launch.py")


def find_buffers() -> Finding:
    """Kernel socket buffers: small ones lose pictures between hosts."""
    path = Path("/proc/sys/net/core/rmem_max")
    if not path.exists():
        return Finding("socket buffers", "off", "unknown on this system")
    size = int(path.read_text())
    if size < RECOMMENDED_BUFFER_BYTES:
        return Finding(
            "socket buffers",
            "off",
            f"rmem_max {size} bytes: fine on one host",
            "between hosts: sysctl -w net.core.rmem_max=8388608",
        )
    return Finding("socket buffers", "ok", f"rmem_max {size} bytes")


def find_speech() -> Finding:
    """The speech synthesiser."""
    from talking_portrait_ros.audio.speech import synthesise

    try:
        synthesise("ready")
    except ValueError as error:
        return Finding("speech synthesis", "off", str(error), "apt-get install espeak-ng")
    return Finding("speech synthesis", "ok", "espeak-ng speaks")


def find_inputs() -> Finding:
    """Microphones."""
    from talking_portrait_ros.audio.port_audio import list_inputs

    try:
        names = list_inputs()
    except RuntimeError:
        return Finding(
            "microphone",
            "off",
            "PyAudio is not installed",
            "apt-get install portaudio19-dev, then `make setup`",
        )
    if not names:
        return Finding(
            "microphone", "off", "PyAudio sees no input", "connect one; --topic, --audio"
        )
    return Finding("microphone", "ok", ", ".join(device.name for device in names))


def find_outputs() -> Finding:
    """Loudspeakers."""
    from talking_portrait_ros.audio.port_audio import list_outputs

    try:
        names = list_outputs()
    except RuntimeError:
        names = []
    if not names:
        return Finding("loudspeaker", "off", "no sound output: a window is silent", "connect one")
    return Finding("loudspeaker", "ok", ", ".join(device.name for device in names))


def find_window() -> Finding:
    """A display to open a window on."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return Finding(
            "window", "off", "no display", "use --screen file:PATH or none, or set DISPLAY"
        )
    return Finding("window", "ok", os.environ.get("WAYLAND_DISPLAY") or os.environ["DISPLAY"])


def find_video() -> Finding:
    """Encoders for video files."""
    import av

    lacking = [name for name in ("libx264", "aac") if name not in av.codecs_available]
    if lacking:
        return Finding(
            "video files",
            "missing",
            f"PyAV {av.__version__} lacks {lacking[0]}",
            "install PyAV's own wheel: pip install --force-reinstall av",
        )
    return Finding("video files", "ok", f"PyAV {av.__version__}: H.264, AAC")


def find_face_tracker() -> Finding:
    """MediaPipe, needed once per new portrait."""
    try:
        found = version("mediapipe")
    except PackageNotFoundError:
        return Finding(
            "face tracker",
            "off",
            "mediapipe is not here",
            "pip install --no-deps mediapipe==0.10.14, for portraits that have no "
            "stored landmarks",
        )
    return Finding("face tracker", "ok", f"mediapipe {found}")


def find_gpu() -> Finding:
    """CUDA devices."""
    import torch

    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if not names:
        seen = shutil.which("nvidia-smi") is not None
        return Finding(
            "GPU",
            "off",
            f"torch {torch.__version__} sees none: the CPU is used",
            "install torch with CUDA" if seen else "",
        )
    return Finding("GPU", "ok", ", ".join(names))


def find_weights() -> Finding:
    """Weights of all presets."""
    from talking_portrait_ros.pipeline import build_stage

    broken = []
    for name, chosen in PRESETS.items():
        try:
            for kind in ("features", "latents"):
                build_stage(kind, getattr(chosen, kind))
        except ValueError as error:
            broken.append(f"{name}: {error}")
    if broken:
        return Finding("weights", "missing", broken[0], "restore talking_portrait_ros/weights")
    return Finding("weights", "ok", f"{len(PRESETS)} presets complete")


def find_speed(preset_name: str) -> Finding:
    """Frames per second of all stages in one process, measured now for two seconds."""
    import numpy as np

    from talking_portrait_ros.pipeline import build_pipeline
    from talking_portrait_ros.synthetic import synthetic_references

    pipeline = build_pipeline(preset_name)
    rate = pipeline.timebase.sample_rate_hz
    noise = np.random.default_rng(0).normal(0, 0.1, 60 * rate).astype(np.float32)
    frames = pipeline.render(noise, synthetic_references(), chunk_ms=40)
    for _ in range(5):
        next(frames)
    n_frames, start = 0, time.perf_counter()
    while time.perf_counter() - start < 2.0:
        next(frames)
        n_frames += 1
    fps = n_frames / (time.perf_counter() - start)
    wanted = pipeline.timebase.fps
    state: Literal["ok", "off"] = "ok" if fps > wanted else "off"
    detail = f"{preset_name}: {fps:.0f} fps of compute, {wanted} needed"
    remedy = "" if fps > 1.5 * wanted else "use --layout fused, or --preset rig_256"
    return Finding("expected speed", state, detail, remedy)
