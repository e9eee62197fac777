"""`talking-portrait corpus`: a pack of drawn faces, and a look at it."""

from __future__ import annotations

import av
import cv2
import pytest
from click.testing import CliRunner

from talking_portrait_ros.cli import main


def invoke(*words):
    return CliRunner().invoke(main, ["corpus", *(str(word) for word in words)])


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    pytest.importorskip("mediapipe", reason="mattes need MediaPipe")
    path = tmp_path_factory.mktemp("corpus") / "drawn.safetensors"
    result = invoke("prepare", "--output", path, "--avatars", 1, "--utterances", 0)
    assert result.exit_code == 0, result.output
    assert "1 people" in result.output
    return path


def test_preview_draws_a_sheet(pack, tmp_path):
    path = tmp_path / "sheet.png"
    result = invoke("preview", "--pack", pack, "--output", path, "--clips", 1, "--frames", 3,
                    "--resolution", 64)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert cv2.imread(str(path)).std() > 20


def test_preview_writes_a_video_with_sound(pack, tmp_path):
    path = tmp_path / "clip.mp4"
    result = invoke("preview", "--pack", pack, "--output", path, "--frames", 5,
                    "--resolution", 64)  # fmt: skip
    assert result.exit_code == 0, result.output
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5
        assert container.streams.audio


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["prepare", "--output", "x.zip"], ["x.zip", ".safetensors"]),
        (["prepare", "--output", "/nowhere/x.safetensors"], ["/nowhere"]),
        (["prepare", "--output", "x.safetensors", "--portraits", "/none"], ["/none"]),
        (["prepare", "--output", "x.safetensors", "--avatars", "-1"], ["avatars=-1"]),
        (["prepare", "--output", "x.safetensors", "--avatars", "0", "--utterances", "0"],
         ["no people"]),
        (["preview", "--pack", "none.safetensors", "--output", "x.png"], ["none.safetensors"]),
        (["preview", "--pack", "none.safetensors", "--output", "x.gif"], ["x.gif"]),
    ],
)  # fmt: skip
def test_mistakes_are_named_in_one_line(words, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke(*words)
    assert result.exit_code == 2
    message = result.output.strip().splitlines()[-1]
    assert all(name in message for name in names), result.output
    assert not list(tmp_path.iterdir())
