"""The pack: a round trip without loss, a size limit, clear refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from talking_portrait_ros.chunks import Reference
from talking_portrait_ros.frames.rig.builder import build_rig
from talking_portrait_ros.frames.rig.config import RigConfig
from talking_portrait_ros.frames.rig.renderer import RigRenderer
from talking_portrait_ros.training.corpus import Corpus
from talking_portrait_ros.training.corpus import pack as packing
from talking_portrait_ros.training.corpus.looks import random_avatar
from talking_portrait_ros.training.corpus.pack import Pack
from talking_portrait_ros.training.corpus.people import Cast
from talking_portrait_ros.training.corpus.prepare import person_of, prepare
from talking_portrait_ros.training.corpus.speech import decoded, encoded


@pytest.fixture
def saved(pack, tmp_path):
    path = tmp_path / "pack.safetensors"
    pack.save(path)
    return path


def test_what_is_saved_is_loaded(pack, saved):
    loaded = Pack.load(saved)
    for one, other in zip(pack.people, loaded.people, strict=True):
        assert (one.name, one.picture, one.matte) == (other.name, other.picture, other.matte)
        assert np.array_equal(one.landmarks, other.landmarks)
    assert loaded.speech[0].sound == pack.speech[0].sound
    gap = np.abs(loaded.speech[0].articulators - pack.speech[0].articulators)
    assert gap.max() <= 0.5 / 127 + 1e-6


def test_a_packed_rig_draws_what_the_rig_of_the_picture_draws(pack, saved):
    motion = torch.full((1, 58), 0.1)
    frames = [
        RigRenderer(build_rig(person.reference(), RigConfig(resolution=128))).render(motion)
        for person in (pack.people[0], Pack.load(saved).people[0])
    ]
    assert torch.equal(*frames)


def test_half_precision_in_memory_changes_nothing_visible(pack):
    motion = torch.rand(2, 58, generator=torch.Generator().manual_seed(1)) * 0.4
    person = pack.people[0]
    exact = RigRenderer(build_rig(person.reference(), RigConfig(resolution=256))).render(motion)
    kept = Cast(pack.people, "cpu", 1).actor(0, 256).renderer().render(motion)
    error = (exact.float() - kept.float()).square().mean()
    assert float(10 * torch.log10(255**2 / error)) > 55


def test_people_leave_the_memory_when_there_are_too_many(pack):
    cast = Cast(pack.people, "cpu", 1)
    first = cast.actor(0, 64)
    assert cast.actor(0, 64) is first
    cast.actor(1, 64)
    assert cast.actor(0, 64) is not first


def test_clips_need_no_more_than_the_file(saved, plain):
    clip = Corpus.load(saved, config=plain.config).clip(1, 64, 1)
    assert torch.equal(clip.frames, plain.clip(1, 64, 1).frames)


def test_the_size_is_limited(pack, tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "LARGEST_BYTES", 10_000)
    with pytest.raises(ValueError, match="at most .* MiB .* fewer people"):
        pack.save(tmp_path / "large.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_pack_without_people_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no people"):
        Pack((), ()).save(tmp_path / "empty.safetensors")


@pytest.mark.parametrize("kind", ["missing", "text", "cut", "foreign"])
def test_a_broken_pack_is_refused_in_one_line(saved, kind):
    if kind == "missing":
        saved.unlink()
    elif kind == "text":
        saved.write_text("hello")
    elif kind == "cut":
        saved.write_bytes(saved.read_bytes()[:-1000])
    else:
        save_file({"x": np.zeros(3)}, saved)
    with pytest.raises(ValueError, match="corpus prepare") as error:
        Corpus.load(saved)
    assert str(saved) in str(error.value)


def test_a_damaged_picture_is_named(pack):
    broken = replace(pack.people[0], picture=b"\xff\xd8 no picture")
    with pytest.raises(ValueError, match="damaged"):
        Corpus(replace(pack, people=(broken,))).clip(1, 64, 1)


def test_sound_survives_its_codec_in_place():
    sound = np.zeros(16_000, np.float32)
    sound[4000:4400] = 0.5 * np.sin(np.arange(400) * 0.3)
    heard = decoded(encoded(sound), len(sound))
    shifts = [float(np.dot(np.roll(heard, -shift), sound)) for shift in range(-20, 21)]
    assert int(np.argmax(shifts)) - 20 == 0
    assert np.abs(heard - sound).max() < 0.15


def test_drawn_faces_differ_and_make_rigs():
    one, other = random_avatar(1, 7), random_avatar(2, 7)
    assert np.array_equal(one.image, random_avatar(1, 7).image)
    assert np.abs(one.image.astype(float) - other.image).mean() > 10
    apart = np.abs(one.landmarks - other.landmarks)[:, :2].max()
    assert 2 < apart < 60
    build_rig(other, RigConfig(resolution=128))


def test_landmarks_of_a_drawn_face_are_where_its_features_are():
    """The pupils are the darkest part of the irises."""
    face = random_avatar(4, 7)
    grey = face.image.astype(float).mean(-1)
    for centre in (468, 473):
        x, y = face.landmarks[centre, :2].round().astype(int)
        assert grey[y, x] < grey[y - 12 : y + 13, x - 20 : x + 21].mean() - 20


def test_the_jpeg_of_a_portrait_is_kept_byte_by_byte(pack):
    pytest.importorskip("mediapipe", reason="mattes need MediaPipe")
    person = pack.people[0]
    kept = person_of(person.reference(), person.picture)
    assert kept.picture == person.picture
    assert 0.2 < kept.matte_plane().mean() < 0.9


def test_prepare_names_a_missing_folder_and_an_empty_one(tmp_path):
    for folder in (tmp_path / "none", tmp_path):
        with pytest.raises(ValueError, match=str(folder)):
            prepare(folder, 0, 0, 0, 1)


def test_pictures_without_a_face_are_left_out(tmp_path, caplog):
    pytest.importorskip("mediapipe", reason="landmarks need MediaPipe")
    (tmp_path / "a.png").write_bytes(b"no picture")
    with caplog.at_level("WARNING"):
        assert prepare(tmp_path, 0, 0, 0, 1).people == ()
    assert "a.png" in caplog.text


def test_a_person_without_a_matte_keeps_the_background(pack):
    plane = replace(pack.people[0], matte=b"").matte_plane()
    assert plane.min() == 1.0


def test_references_are_the_pictures_of_the_pack(pack):
    reference = pack.people[0].reference()
    assert isinstance(reference, Reference)
    assert reference.image.shape == (512, 512, 3)
