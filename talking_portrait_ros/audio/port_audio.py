"""PortAudio (PyAudio): the sound devices of this machine, and how a user names one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from talking_portrait_ros.quiet import quiet_stderr

Direction = Literal["input", "output"]

REMEDY: dict[Direction, str] = {
    "input": "connect a microphone, or use a file, text or topic",
    "output": "connect a speaker, or set the parameter sound to false",
}


@dataclass(frozen=True)
class SoundDevice:
    """One sound input or output of this machine."""

    index: int
    name: str
    n_channels: int
    sample_rate_hz: int


def port_audio() -> Any:
    """PortAudio, started; the caller terminates it.

    Raises:
        RuntimeError: PyAudio is not installed; names the packages.
    """
    try:
        import pyaudio
    except ImportError:
        raise RuntimeError(
            "sound devices need PyAudio: apt-get install portaudio19-dev, then pip install pyaudio"
        ) from None
    with quiet_stderr():
        return pyaudio.PyAudio()


def devices(audio: Any, direction: Direction) -> list[SoundDevice]:
    """The inputs or outputs, the default one first."""
    key = f"max{direction.capitalize()}Channels"
    found = []
    for index in range(audio.get_device_count()):
        info = audio.get_device_info_by_index(index)
        if int(info[key]) > 0:
            rate_hz = int(info["defaultSampleRate"])
            found.append(SoundDevice(index, str(info["name"]), int(info[key]), rate_hz))
    try:
        default = getattr(audio, f"get_default_{direction}_device_info")()["index"]
    except OSError:
        return found
    return sorted(found, key=lambda device: device.index != default)


def choose_device(audio: Any, direction: Direction, wanted: int | str) -> SoundDevice:
    """The device of that index, or with that part of a name; the default one for "".

    Raises:
        ValueError: there is none; lists those there are.
    """
    if isinstance(wanted, str) and wanted.isdecimal():
        wanted = int(wanted)
    there = devices(audio, direction)
    for device in there:
        same = device.index == wanted if isinstance(wanted, int) else wanted in device.name
        if same:
            return device
    names = ", ".join(f"{device.index}: {device.name}" for device in there)
    remedy = f"there are: {names}" if names else f"this machine has none; {REMEDY[direction]}"
    raise ValueError(f"sound {direction} {wanted!r} does not exist; {remedy}")


def list_inputs() -> list[SoundDevice]:
    """The microphones of this machine, the default one first.

    Raises:
        RuntimeError: PyAudio is not installed; names the packages.
    """
    return _listed("input")


def list_outputs() -> list[SoundDevice]:
    """The sound outputs of this machine, the default one first.

    Raises:
        RuntimeError: PyAudio is not installed; names the packages.
    """
    return _listed("output")


def _listed(direction: Direction) -> list[SoundDevice]:
    audio = port_audio()
    try:
        return devices(audio, direction)
    finally:
        audio.terminate()
