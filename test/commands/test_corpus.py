"""`talking-portrait corpus`: a pack of drawn faces, and a look at it."""

from __future__ import annotations

import av
import cv2
import pytest
from click.testing import CliRunner

from talking_portrait_ros.cli import main
from talking_portrait_ros.training.block_flow.material import Material


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


def test_encode_makes_latents_once(pack, tmp_path):
    folder = tmp_path / "latents"
    words = ("encode", "--pack", pack, "--output", folder, "--frames", "ref_vae_tiny",
             "--clips", 3, "--length", 9, "--render", 64, "--shard", 2, "--seed", 4)  # fmt: skip
    assert invoke(*words).exit_code == 0
    material = Material.load(folder)
    assert material.latents.shape == (3, 3, 16, 1, 1)
    assert material.references.shape == (3, 3, 16, 1, 1)
    assert material.features.shape == (3, 9, 160)
    assert material.guide.shape == (3, 9, 58)
    assert material.latents.isfinite().all()
    written = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(written) == 2
    assert invoke(*words).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == written


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
        (["encode", "--pack", "none.safetensors", "--output", "x", "--frames", "ref_vae_tiny"],
         ["none.safetensors"]),
        (["encode", "--pack", "x.safetensors", "--output", "x", "--frames", "rig_512"],
         ["rig_512", "reference_vae"]),
        (["encode", "--pack", "x.safetensors", "--output", "x", "--clips", "0"], ["clips=0"]),
        (["encode", "--pack", "x.safetensors", "--output", "x", "--frames", "ref_vae_tiny",
          "--length", "10"], ["length=10", "1 + 4 n"]),
    ],
)  # fmt: skip
def test_mistakes_are_named_in_one_line(words, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke(*words)
    assert result.exit_code == 2
    message = result.output.strip().splitlines()[-1]
    assert all(name in message for name in names), result.output
    assert not list(tmp_path.iterdir())
