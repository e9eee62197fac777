"""`reconstruct` on a real file: every frame and the sound come out; mistakes end in one line."""

from __future__ import annotations

import json

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from helpers.footage import avatar_frames, levels, write_pictures
from helpers.make_sound import loudest_hz, tone

from talking_portrait_ros.audio.files import read_sound
from talking_portrait_ros.cli import main
from talking_portrait_ros.commands.reconstruct import _reference_frames
from talking_portrait_ros.evaluation.footage import open_footage
from talking_portrait_ros.frames.avatar import drawn_avatar
from talking_portrait_ros.latents.replay.recording import load_recording

pytest.importorskip("mediapipe")
N_FRAMES = 20


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The avatar for 0.8 s: 0.4 s of a low tone, 0.4 s of a high one."""
    samples = np.concatenate([tone(400, 6400), tone(1600, 6400)])
    folder = tmp_path_factory.mktemp("clip")
    return write_pictures(folder / "avatar.mp4", avatar_frames(N_FRAMES), samples=samples)


def invoke(*words):
    return CliRunner().invoke(main, ["reconstruct", *(str(word) for word in words)])


def tiny(clip, output, *words):
    return invoke("--video", clip, "--preset", "ref_vae_tiny", "--output", output, *words)


def test_the_latents_can_be_replayed(clip, tmp_path):
    file = tmp_path / "latents.safetensors"
    result = tiny(clip, tmp_path / "out.mp4", "--latents", file)
    assert result.exit_code == 0, result.output
    recording = load_recording(file)
    assert recording.values.shape == (recording.timebase.steps_of_frames(N_FRAMES), 16, 1, 1)
    assert recording.space.startswith("video/ref-vae-")
    lost = tiny(clip, tmp_path / "out.mp4", "--latents", tmp_path / "no" / "latents.safetensors")
    assert "latents=" in lost.output


def test_every_frame_the_sound_the_comparison_and_the_figures_come_out(clip, tmp_path):
    figures_path = tmp_path / "figures.json"
    result = tiny(clip, tmp_path / "out.mp4", "--json", figures_path)
    assert result.exit_code == 0, result.output
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert (len(frames), frames[0].shape) == (N_FRAMES, (64, 64, 3))
    sound = read_sound(tmp_path / "out.mp4")
    assert loudest_hz(sound[1000:6000], 16_000) == pytest.approx(400, abs=20)
    assert loudest_hz(sound[7000:12_000], 16_000) == pytest.approx(1600, abs=20)
    sheet = cv2.imread(str(tmp_path / "out.png"))
    assert sheet.shape[:2] == (4 * (384 + 18), 3 * 384)
    figures = json.loads(figures_path.read_text())
    assert figures["n_frames"] == N_FRAMES
    assert figures["references"] == 1
    assert figures["compression_ratio"] == 3 * 64 * 64 * 4 / 16
    assert 0 < figures["psnr_db"] < 60
    assert {"ssim", "encode_ms", "decode_ms", "video", "preset"} < set(figures)
    assert "psnr_db" in result.output


def test_a_part_without_references_has_the_sound_of_that_part(clip, tmp_path):
    words = ("--no-references", "--start-s", 0.4, "--seconds", 0.36)
    result = tiny(clip, tmp_path / "out.mkv", *words, "--json", tmp_path / "f.json")
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "f.json").read_text())
    assert (figures["n_frames"], figures["references"]) == (9, 0)
    sound = read_sound(tmp_path / "out.mkv")
    assert loudest_hz(sound[1000:5000], 16_000) == pytest.approx(1600, abs=20)


def test_pictures_of_any_kind_become_the_same_references(clip, tmp_path):
    upright = cv2.cvtColor(drawn_avatar().image, cv2.COLOR_RGB2BGR)
    opaque = np.full((*upright.shape[:2], 1), 255, np.uint8)
    cv2.imwrite(str(tmp_path / "alpha.png"), np.concatenate([upright, opaque], axis=2))
    large = cv2.resize(upright, (3840, 3840), interpolation=cv2.INTER_LINEAR)
    cv2.imwrite(str(tmp_path / "large.jpg"), large)
    write_turned(tmp_path / "turned.jpg", upright)
    names = [str(tmp_path / name) for name in ("alpha.png", "large.jpg", "turned.jpg")]
    footage = open_footage(clip, 128)
    references = _reference_frames(names, footage)
    wanted = cv2.resize(drawn_avatar().image, (128, 128), interpolation=cv2.INTER_AREA)
    for reference in references:
        assert reference.shape == (128, 128, 3)
        assert np.abs(reference.astype(int) - wanted).mean() < 3
    grey = cv2.resize(cv2.cvtColor(upright, cv2.COLOR_BGR2GRAY), (300, 300))
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    words = ("--references", names[0], tmp_path / "grey.png", "avatar")
    result = tiny(clip, tmp_path / "out.mp4", *words, "--json", tmp_path / "f.json")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "f.json").read_text())["references"] == 3


def write_turned(path, upright):
    """A JPEG that lies on its side and says so in its EXIF orientation (6: turn clockwise)."""
    lying = np.rot90(upright)
    data = cv2.imencode(".jpg", np.ascontiguousarray(lying))[1].tobytes()
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00"
    exif += b"\x06\x00\x00\x00\x00\x00\x00\x00"
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    path.write_bytes(data[:2] + segment + data[2:])


def test_evaluation_scores_people_of_a_pack_and_a_folder_of_videos(clip, tmp_path):
    from talking_portrait_ros.training.corpus.pack import Pack
    from talking_portrait_ros.training.corpus.prepare import person_of

    avatar = drawn_avatar()
    data = cv2.imencode(".jpg", cv2.cvtColor(avatar.image, cv2.COLOR_RGB2BGR))[1].tobytes()
    Pack((person_of(avatar, data),), ()).save(tmp_path / "pack.safetensors")
    words = ["--part", "reconstruction", "--vae", "ref_vae_tiny", "--seconds", "0.4"]
    words += ["--pack", tmp_path / "pack.safetensors", "--clips", clip.parent]
    words += ["--output", tmp_path / "out"]
    result = CliRunner().invoke(main, ["evaluate", *(str(word) for word in words)])
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "out" / "evaluate.json").read_text())["reconstruction"]
    assert list(figures) == ["people", clip.parent.name]
    for name, found in figures.items():
        assert found["n_clips"] == 1
        models = found["models"]["ref_vae_tiny"]
        gain = models["M=3"]["psnr_db"]["mean"] - models["M=0"]["psnr_db"]["mean"]
        assert models["M=3"]["gain_db"]["mean"] == pytest.approx(gain)
        assert len(list((tmp_path / "out" / "reconstruction" / name).iterdir())) == 1
    assert "paper, CR-VA" in result.output


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--video", "no.mp4"], ["no.mp4", "No such file"]),
        (["--video", "{text}"], ["notes.mp4", "cannot be read as a video"]),
        (["--video", "{blank}"], ["blank.mp4", "no face found"]),
        (["--video", "{clip}", "--seconds", "0.1"], ["at least 5"]),
        (["--video", "{clip}", "--start-s", "60"], ["0 frames", "60 s"]),
        (["--video", "{clip}", "--references", "no.jpg"], ["no.jpg", "no such file"]),
        (["--video", "{clip}", "--references", "{blank}"], ["blank.mp4", "not a picture"]),
        (["--video", "{clip}", "--references", *"abcd"], ["4 pictures", "up to 3"]),
        (["--video", "{clip}", "me.jpg"], ["'me.jpg'", "--references"]),
        (["--video", "{clip}", "--references", "a", "--no-references"], ["one of them"]),
        (["--video", "{clip}", "--preset", "rig_512"], ["'rig_512'", "ref_vae_512"]),
        (["--video", "{clip}", "--preset", "no.safetensors"], ["no.json", "beside"]),
        (["--video", "{clip}", "--device", "cuda:77"], ["cuda:77"]),
        (["--video", "{clip}", "--json", "/nowhere/f.json"], ["/nowhere/f.json"]),
        (["--video", "{clip}", "--output", "o.gif"], ["o.gif", ".mp4"]),
        (["--video", "{clip}", "--output", "{clip}"], ["is an input", "another name"]),
    ],
    ids=lambda value: " ".join(value[2:4]) if value[0] == "--video" else "",
)
def test_a_mistake_is_one_line_and_exit_code_2(words, names, clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.mp4").write_text("no video")
    blank = write_pictures(tmp_path / "blank.mp4", levels(6))
    places = {"text": tmp_path / "notes.mp4", "blank": blank, "clip": clip}
    before = clip.read_bytes()
    given = [str(word).format(**places) for word in words]
    defaults = ["--preset", "ref_vae_tiny", "--output", str(tmp_path / "out.mp4")]
    result = invoke(*defaults, *given)
    assert result.exit_code == 2, result.output
    errors = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert "Traceback" not in result.output
    for name in names:
        assert name in errors[0]
    assert clip.read_bytes() == before
    assert not (tmp_path / "out.mp4").exists()
