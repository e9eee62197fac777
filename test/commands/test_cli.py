"""The command line: mistakes end in one line and exit code 2; a rendered file is complete."""

from __future__ import annotations

import wave

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from talking_portrait_ros.cli import main
from talking_portrait_ros.latents.replay.config import TINY_FILE

RATE_HZ = 16_000


@pytest.fixture
def sound(tmp_path):
    """Half a second of a buzz: a sound file that is quickly rendered."""
    path = tmp_path / "buzz.wav"
    time_s = np.arange(RATE_HZ // 2) / RATE_HZ
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes((8000 * np.sign(np.sin(880 * time_s))).astype("<i2").tobytes())
    return str(path)


def invoke(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["render", "--audio", "no.wav", "--output", "o.mp4"], ["no.wav"]),
        (["render", "--audio", "{sound}", "--output", "o.txt"], ["o.txt", ".mp4"]),
        (["render", "--audio", "{sound}", "--output", "/nowhere/o.mp4"], ["/nowhere"]),
        (
            ["render", "--audio", "{sound}", "--output", "o.mp4", "--preset", "x"],
            ["'x'", "rig_512"],
        ),
        (
            ["render", "--audio", "{sound}", "--output", "o.mp4", "--portrait", "no.jpg"],
            ["no.jpg"],
        ),
        (
            ["render", "--audio", "{sound}", "--output", "o.mp4", "--device", "cuda:77"],
            ["cuda:77"],
        ),
        (
            ["render", "--audio", "{sound}", "--output", "o.mp4", "--device", "meta"],
            ["'meta'", "cpu"],
        ),
        (["render", "--audio", "{empty}", "--output", "o.mp4"], ["empty.wav"]),
        (["render", "--audio", "same.mp4", "--output", "same.mp4"], ["same.mp4", "another name"]),
        (["run", "--screen", "none"], ["--audio", "--mic", "--say", "--topic"]),
        (["run", "--topic", "--say", "hi", "--screen", "none"], ["--say and --topic"]),
        (["run", "--say", " ", "--screen", "none"], ["nothing to say"]),
        (["run", "--say", "...", "--screen", "none"], ["nothing to say"]),
        (["run", "--topic", "--screen", "hologram"], ["hologram", "window", "file:PATH", "none"]),
        (["run", "--audio", "no.wav", "--screen", "none"], ["no.wav"]),
        (["run", "--topic", "--partner", "no.wav", "--screen", "none"], ["no.wav"]),
        (
            ["run", "--topic", "--partner", "{sound}", "--partner-mic", "x", "--screen", "none"],
            ["--partner and --partner-mic"],
        ),
        (["corpus", "conversations", "--output", "/nowhere/c.safetensors"], ["/nowhere"]),
        (["evaluate", "--part", "dyadic", "--pack", "no.safetensors"], ["no.safetensors"]),
        (["evaluate", "--part", "dyadic", "--tracks", "no.wav", "no.wav"], ["no.wav"]),
        (["run", "--topic", "--screen", "none", "--portrait", "no.jpg"], ["no.jpg"]),
        (["run", "--topic", "--screen", "none", "--preset", "x"], ["'x'", "rig_512"]),
        (["run", "--topic", "--screen", "none", "--namespace", "a b"], ["'a b'", "letters"]),
        (
            [
                "render",
                "--audio",
                "{sound}",
                "--output",
                "o.mp4",
                "--preset",
                "replay_ref_vae_512",
            ],
            ["recording", "--latents"],
        ),
        (
            ["render", "--audio", "{sound}", "--output", "o.mp4", "--latents", "l.safetensors"],
            ["l.safetensors", "replay_ref_vae_512"],
        ),
        (
            [
                "run",
                "--topic",
                "--screen",
                "none",
                "--preset",
                "replay_ref_vae_512",
                "--latents",
                "gone.safetensors",
            ],
            ["gone.safetensors", "no such file"],
        ),
        *(
            (
                [*words, "--preset", "replay_ref_vae_512", "--latents", str(TINY_FILE)],
                ["video/ref-vae-tiny", "video/ref-vae-512"],
            )
            for words in (["run", "--topic", "--screen", "none"], ["bench"])
        ),
        (["run", "--topic", "--screen", "none", "--fast"], ["fast", "'cpu'"]),
        (["bench", "--json", "/nowhere/b.json"], ["/nowhere/b.json"]),
        (["soak", "--plot", "/nowhere/s.png"], ["/nowhere/s.png"]),
        (
            ["run", "--topic", "--screen", "none", "--only", "frames,fused"],
            ["'fused'", "layout split has"],
        ),
        (["record", "--boundary", "audio", "--output", "/"], ["'/'", "another name"]),
        (["replay", "no_such_folder"], ["no_such_folder", "talking-portrait record"]),
        (["bench", "--json", "/"], ["'/'", "folder"]),
        (["evaluate", "--clips", "/nowhere"], ["/nowhere"]),
        (["train", "audio-regression", "--steps", "0"], ["steps", "0"]),
    ],
    ids=lambda value: " ".join(value[:3]),
)
def test_a_mistake_is_one_line_that_names_it_and_exit_code_2(words, names, sound, tmp_path):
    (tmp_path / "empty.wav").touch()
    places = {"sound": sound, "empty": tmp_path / "empty.wav"}
    result = invoke(*(word.format(**places) for word in words))
    assert result.exit_code == 2, result.output
    errors = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert "Traceback" not in result.output
    for name in names:
        assert name in errors[0]


def test_a_rendered_file_has_every_frame_and_the_sound(sound, tmp_path):
    video = tmp_path / "talk.mp4"
    both = ["--audio", sound, "--partner", sound]
    result = invoke("render", *both, "--output", video, "--preset", "rig_256")
    assert result.exit_code == 0, result.output
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert (stream.codec_context.name, float(stream.average_rate)) == ("h264", 25.0)
        assert container.streams.audio[0].codec_context.name == "aac"
    assert len(frames) == 13  # half a second, rounded up to whole frames
    assert frames[0].shape == (256, 256, 3)
    assert np.std(frames[0]) > 20


def test_help_names_every_preset():
    from talking_portrait_ros.presets import PRESETS

    text = invoke("render", "--help").output
    assert all(name in text for name in PRESETS)


def test_a_demo_that_cannot_be_written_leaves_the_files_that_are_there(tmp_path):
    kept = tmp_path / "me.png"
    kept.write_bytes(b"a picture")
    wrong_ending = invoke("demo", "--output", kept)
    over_the_portrait = invoke("demo", "--portrait", kept, "--output", tmp_path / "me.mp4")
    assert (wrong_ending.exit_code, over_the_portrait.exit_code) == (2, 2)
    assert "unknown ending" in wrong_ending.output
    assert "is the portrait" in over_the_portrait.output
    assert kept.read_bytes() == b"a picture"


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_the_contact_sheet_of_a_short_video_shows_each_frame_once(tmp_path, ending):
    from talking_portrait_ros.commands.demo import write_sheet
    from talking_portrait_ros.screen.video import write_video

    levels = [30, 90, 150, 210]
    frames = [np.full((64, 64, 3), level, np.uint8) for level in levels]
    write_video(tmp_path / f"x.{ending}", frames, np.zeros(4 * 640, np.float32))
    write_sheet(tmp_path / f"x.{ending}", tmp_path / "x.png")
    sheet = cv2.imread(str(tmp_path / "x.png"))
    middles = sheet[sheet.shape[0] // 2, 120::240, 0]
    assert middles.tolist() == pytest.approx(levels, abs=4)


def test_speech_for_a_measurement_is_repeated_to_the_very_sample(sound, tmp_path):
    from talking_portrait_ros.commands.bench import write_speech

    write_speech(tmp_path / "long.wav", 3, sound)
    with wave.open(str(tmp_path / "long.wav"), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert len(samples) == 3 * RATE_HZ
    np.testing.assert_array_equal(samples[: RATE_HZ // 2], samples[RATE_HZ // 2 : RATE_HZ])
