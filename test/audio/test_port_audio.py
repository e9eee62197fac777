from __future__ import annotations

import sys

import pytest

from talking_portrait_ros.audio import microphone
from talking_portrait_ros.audio.microphone import MicSource
from talking_portrait_ros.audio.port_audio import choose_device, list_inputs, list_outputs
from talking_portrait_ros.screen import speaker
from talking_portrait_ros.screen.speaker import Speaker


class PortAudio:
    """Two cards, one of which has no microphone."""

    DEVICES = [
        {"index": 0, "name": "HDMI", "maxInputChannels": 0, "maxOutputChannels": 8,
         "defaultSampleRate": 48_000.0},
        {"index": 1, "name": "USB microphone", "maxInputChannels": 1, "maxOutputChannels": 0,
         "defaultSampleRate": 44_100.0},
        {"index": 2, "name": "Headset", "maxInputChannels": 2, "maxOutputChannels": 2,
         "defaultSampleRate": 16_000.0},
    ]  # fmt: skip

    terminated = False

    def get_device_count(self):
        return len(self.DEVICES)

    def get_device_info_by_index(self, index):
        return self.DEVICES[index]

    def get_default_input_device_info(self):
        return self.DEVICES[2]

    def get_default_output_device_info(self):
        raise OSError("no default")

    def is_format_supported(self, *_args, **_kwargs):
        return True

    def open(self, **_kwargs):
        return self

    def start_stream(self):
        raise OSError(-9999, "Unanticipated host error")

    def terminate(self):
        self.terminated = True


@pytest.mark.parametrize(
    ("wanted", "index"), [("", 2), ("USB", 1), ("Headset", 2), (1, 1), ("1", 1)]
)
def test_an_input_is_named_by_index_or_part_of_its_name_and_else_is_the_default(wanted, index):
    assert choose_device(PortAudio(), "input", wanted).index == index


def test_without_a_default_the_first_device_serves():
    assert choose_device(PortAudio(), "output", "").name == "HDMI"


@pytest.mark.parametrize("wanted", ["HDMI", 0, 99])
def test_a_device_that_cannot_listen_is_refused_with_those_that_can(wanted):
    with pytest.raises(ValueError, match="there are: 2: Headset, 1: USB microphone"):
        choose_device(PortAudio(), "input", wanted)


def test_a_machine_without_sound_devices_gets_a_remedy(monkeypatch):
    monkeypatch.setattr(PortAudio, "DEVICES", [])
    nothing = PortAudio()
    nothing.get_default_input_device_info = nothing.get_default_output_device_info
    with pytest.raises(ValueError, match="has none; connect a microphone"):
        choose_device(nothing, "input", "")
    with pytest.raises(ValueError, match="has none; connect a speaker, or set .* sound to false"):
        choose_device(nothing, "output", "")


@pytest.mark.parametrize("use", [MicSource, list_inputs, list_outputs])
def test_without_pyaudio_the_error_names_the_packages(monkeypatch, use):
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    with pytest.raises(RuntimeError, match="portaudio19-dev, then pip install pyaudio"):
        use()


@pytest.mark.parametrize(("module", "use"), [(microphone, MicSource), (speaker, Speaker)])
def test_a_device_that_opens_but_does_not_start_is_refused_and_given_back(
    monkeypatch, module, use
):
    pytest.importorskip("pyaudio")
    card = PortAudio()
    monkeypatch.setattr(module, "port_audio", lambda: card)
    with pytest.raises(ValueError, match="'Headset' cannot be opened .*Unanticipated host error"):
        use("Headset")
    assert card.terminated
