"""Clips: pure functions of their seed, with labels that follow the pixels."""

from __future__ import annotations

import pickle
from dataclasses import fields

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from talking_portrait_ros.frames.rig import renderer
from talking_portrait_ros.frames.rig.sampling import TorchSampling
from talking_portrait_ros.spaces import INDEX
from talking_portrait_ros.training.corpus import Corpus, camera, light
from talking_portrait_ros.training.corpus.clip import Clip
from talking_portrait_ros.training.corpus.config import CorpusConfig

SIZE = 128


def assert_same(one: Clip, other: Clip) -> None:
    for field in fields(Clip):
        a, b = getattr(one, field.name), getattr(other, field.name)
        assert torch.equal(a, b) if isinstance(a, Tensor) else a == b, field.name


def assert_alike(one, other):
    """Equal but for rounding, which the size of a batch can change."""
    assert one.shape == other.shape
    assert float((one.float() - other.float()).abs().mean()) < 0.02


def psnr_db(a, b, weight):
    error = ((a - b) ** 2).mean(1, keepdim=True)
    return float(-10 * torch.log10((error * weight).sum() / weight.sum()))


def portrait(corpus, clip, is_mirrored=False):
    image = corpus.pack.people[corpus.people.index(clip.person)].reference().image
    planes = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    planes = functional.avg_pool2d(planes, image.shape[0] // clip.frames.shape[-1])
    return planes.flip(-1) if is_mirrored else planes


def looked_up(picture, coordinates, size):
    large = functional.interpolate(coordinates, size, mode="bicubic")
    picture = picture.expand(len(coordinates), -1, -1, -1)
    return functional.grid_sample(picture, large.permute(0, 2, 3, 1), align_corners=False)


def similarity_db(corpus, clip, is_mirrored=False):
    """The portrait, moved as the coordinates say, against the frames, where they are valid."""
    moved = looked_up(portrait(corpus, clip, is_mirrored), clip.coordinates, SIZE)
    weight = (functional.interpolate(clip.valid, SIZE, mode="bilinear") > 0.95).float()
    return psnr_db(moved, clip.frames.float() / 255, weight)


def test_the_same_seed_gives_the_same_clip(rich):
    again = pickle.loads(pickle.dumps(rich))
    assert_same(rich.clip(5, SIZE, 3), again.clip(5, SIZE, 3))


def test_another_seed_gives_another_clip(rich):
    assert not torch.equal(rich.clip(5, SIZE, 2).frames, rich.clip(6, SIZE, 2).frames)


def test_shapes_and_types_are_those_of_the_description(rich):
    clip = rich.clip(2, SIZE, 4)
    s = SIZE // 8
    expected = {
        "frames": ((4, 3, SIZE, SIZE), torch.uint8), "motion": ((4, 58), torch.float32),
        "references": ((3, 3, SIZE, SIZE), torch.uint8), "samples": ((4 * 640,), torch.float32),
        "coordinates": ((4, 2, s, s), torch.float32), "valid": ((4, 1, s, s), torch.float32),
        "reference_coordinates": ((3, 2, s, s), torch.float32),
        "reference_valid": ((3, 1, s, s), torch.float32),
    }  # fmt: skip
    assert {n: (tuple(getattr(clip, n).shape), getattr(clip, n).dtype) for n in expected} == (
        expected
    )
    assert clip.person in rich.people
    assert clip.seed == 2


def test_the_ways_of_other_devices_give_the_same_clip(rich, monkeypatch):
    """What runs on a GPU, here on the CPU; noise is drawn alike because the device is."""
    corpus = Corpus(rich.pack, config=rich.config.replace(jpeg=0.0))
    one = corpus.clip(4, SIZE, 2)
    monkeypatch.setattr(camera, "look_cv", camera.look_torch)
    monkeypatch.setattr(light, "blurred_cv", light.blurred_torch)
    monkeypatch.setattr(renderer, "sampling_for", lambda device: TorchSampling())
    other = corpus.clip(4, SIZE, 2)
    assert float((one.frames.float() - other.frames.float()).abs().mean()) < 0.5
    assert torch.allclose(one.coordinates, other.coordinates, atol=1e-4)


def test_labels_can_be_learned_from(rich):
    """A loss as the trainers have it: gradients flow past the labels."""
    clip = rich.clip(2, SIZE, 1)
    places = torch.zeros(1, 4, 4, 2, requires_grad=True)
    found = functional.grid_sample(clip.reference_coordinates[:1], places, align_corners=False)
    ((found - 0.1) * clip.valid[:, :, :4, :4] * clip.frames.float().mean()).abs().sum().backward()
    assert places.grad.abs().sum() > 0


def test_a_clip_in_parts_is_the_whole_clip(rich):
    whole = rich.clip(9, SIZE, 7)
    parts = list(rich.stretches(9, SIZE, 7, 3))
    assert [len(part.frames) for part in parts] == [3, 3, 1]
    for name in ("coordinates", "motion", "samples"):
        joined = torch.cat([getattr(part, name) for part in parts])
        assert torch.allclose(joined, getattr(whole, name), atol=1e-5), name
    frames = torch.cat([part.frames for part in parts])
    assert_alike(frames, whole.frames)
    assert_alike(parts[2].references, whole.references)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_coordinates_say_where_the_pixels_come_from(plain, seed):
    clip = plain.clip(seed, SIZE, 5)
    assert float(clip.valid.mean()) > 0.8
    assert similarity_db(plain, clip) > 29
    clip_of_noise = plain.clip(seed, SIZE, 5)
    shifted = clip_of_noise.coordinates + 0.05
    moved = looked_up(portrait(plain, clip), shifted, SIZE)
    assert psnr_db(moved, clip.frames.float() / 255, torch.ones(5, 1, SIZE, SIZE)) < 27


def test_coordinates_follow_the_camera(pack, plain):
    moving = Corpus(pack, config=plain.config.replace(camera=1.0, drift=1.0))
    clips = [moving.clip(seed, SIZE, 12) for seed in range(4)]
    assert min(similarity_db(moving, clip) for clip in clips) > 29
    resting = [plain.clip(seed, SIZE, 12) for seed in range(4)]
    assert all(not torch.equal(a.coordinates, b.coordinates)
               for a, b in zip(clips, resting, strict=True))  # fmt: skip


def test_frames_can_be_made_from_references_by_the_coordinates(plain):
    """What a warping decoder is taught: find the same place of the portrait in a reference."""
    clip = plain.clip(3, SIZE, 1, "avatar")
    wanted = clip.coordinates[0].flatten(1).T  # [P, 2]
    fine = functional.interpolate(clip.reference_coordinates[:1], SIZE, mode="bicubic")
    distance, nearest = torch.cdist(wanted, fine[0].flatten(1).T).min(1)
    frame = functional.interpolate(clip.frames.float(), SIZE // 8, mode="bilinear")[0].flatten(1)
    reference = clip.references[0].float()
    unmoved = functional.interpolate(reference[None], SIZE // 8, mode="bilinear")[0].flatten(1)
    moved = reference.flatten(1)[:, nearest]
    inside = (clip.valid.flatten() > 0.9) & (distance < 2 / SIZE)
    inside &= clip.coordinates[0, 1].flatten().abs() < 0.7
    errors = [(one - frame)[:, inside].abs().mean() for one in (moved, unmoved)]
    assert float(inside.float().mean()) > 0.5
    assert float(errors[0]) < 0.5 * float(errors[1])


def test_paint_is_not_valid(pack, plain):
    """The open mouth and the shut eyes are paint: no place of the portrait."""
    corpus = Corpus(pack, config=plain.config.replace(still=1.0, expression=0.0))
    clip = corpus.clip(3, SIZE, 50, "avatar")
    opened = clip.motion[:, INDEX["jawOpen"]] > 0.4
    shut = clip.motion[:, INDEX["jawOpen"]] < 0.05
    mouth = clip.valid[:, 0, 10:13, 6:11].amin((1, 2))
    assert float(mouth[opened].max()) == 0.0
    assert float(mouth[shut].min()) > 0.5
    eyes = clip.valid[:, 0, 6:9, 4:12].amin((1, 2))
    blinks = clip.motion[:, INDEX["eyeBlinkLeft"]]
    assert blinks.max() > 0.7
    assert float(eyes[blinks > 0.7].max()) == 0.0


def test_a_replaced_background_is_not_valid(pack, plain):
    config = plain.config.replace(background=1.0, still=1.0, expression=0.0)
    clip = Corpus(pack, config=config).clip(1, SIZE, 1, "avatar")
    assert float(clip.valid[0, 0, :3, :3].max()) == 0.0
    assert float(clip.valid[0, 0, 7, 7]) > 0.9
    assert similarity_db(plain, clip) > 27


def test_a_mirrored_clip_has_mirrored_labels(pack, plain):
    turned = Corpus(pack, config=plain.config.replace(mirrored=1.0))
    one, other = plain.clip(4, SIZE, 6), turned.clip(4, SIZE, 6)
    assert float((one.frames.flip(-1).float() - other.frames.float()).abs().mean()) < 0.5
    assert torch.allclose(one.valid.flip(-1), other.valid, atol=1e-4)
    assert torch.allclose(
        one.coordinates.flip(-1) * torch.tensor([-1.0, 1.0])[:, None, None], other.coordinates,
        atol=1e-4,
    )  # fmt: skip
    assert similarity_db(turned, other, is_mirrored=True) > 29
    for name, mirrored, sign in (
        ("headYaw", "headYaw", -1), ("headRoll", "headRoll", -1), ("headPitch", "headPitch", 1),
        ("browOuterUpLeft", "browOuterUpRight", 1), ("eyeLookInLeft", "eyeLookInRight", 1),
        ("jawOpen", "jawOpen", 1),
    ):  # fmt: skip
        assert torch.equal(one.motion[:, INDEX[name]], sign * other.motion[:, INDEX[mirrored]])


def test_references_show_the_person_at_other_moments(plain):
    clip = plain.clip(7, SIZE, 2)
    pictures = [clip.frames[0], *clip.references]
    for i, one in enumerate(pictures):
        for other in pictures[i + 1 :]:
            assert float((one.float() - other.float()).abs().mean()) > 2


def test_the_first_reference_can_be_the_person_at_rest(pack):
    rested = Corpus(pack, config=CorpusConfig.plain().replace(rest=1.0, light=1.0, drift=1.0))
    clip = rested.clip(5, SIZE, 2)
    scene = rested._scene(5, SIZE, 2, None)
    assert not scene.references.motion[0].any()
    assert np.array_equal(scene.references.views[0], scene.frames.views[0])
    assert np.array_equal(scene.references.light.gains[0], scene.frames.light.gains[0])
    assert scene.references.motion[1:].any(axis=1).all()
    assert clip.references.shape == (3, 3, SIZE, SIZE)


def test_the_mouth_is_the_part_of_the_motion_that_speech_asks_for(plain):
    clip = plain.clip(3, SIZE, 8)
    jaw, head = INDEX["jawOpen"], INDEX["headYaw"]
    assert torch.equal(clip.mouth[:, jaw], clip.motion[:, jaw])
    assert not clip.mouth[:, head].any()


def test_light_is_shared_but_not_copied_by_the_references(pack, plain):
    dark = Corpus(pack, config=plain.config.replace(light=2.0))
    brightness = []
    for seed in range(8):
        clip = dark.clip(seed, 64, 1, "avatar")
        brightness.append([float(p.float().mean()) for p in (*clip.frames, *clip.references)])
    frames, references = np.array(brightness)[:, 0], np.array(brightness)[:, 1]
    assert np.corrcoef(frames, references)[0, 1] > 0.8
    assert np.abs(frames - references).min() > 0


def test_sound_lies_under_the_frames_that_it_belongs_to(plain):
    for seed in range(3):
        clip = plain.clip(seed, 64, 45)
        power = clip.samples.view(-1, 640).square().mean(1)
        loud = power > 0.1 * power.max()
        opened = clip.motion[:, INDEX["jawOpen"]] > 0.15
        assert 0.2 < float(loud.float().mean()) < 0.8
        assert float((loud == opened).float().mean()) > 0.95


def test_longer_clips_begin_as_shorter_ones(plain):
    short, long = plain.clip(8, 64, 3), plain.clip(8, 64, 20)
    assert torch.equal(short.motion, long.motion[:3])
    assert_alike(short.frames, long.frames[:3])


def test_clips_never_end_and_differ(plain):
    endless = plain.clips(64, 1, seed=2)
    seeds = {next(endless).seed for _ in range(5)}
    assert len(seeds) == 5
    assert next(plain.clips(64, 1, seed=2)).seed in seeds


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"resolution": 100}, ["resolution=100", "multiple of 8"]),
        ({"resolution": 1024}, ["resolution=1024", "512"]),
        ({"n_frames": 0}, ["n_frames=0"]),
        ({"seed": -1}, ["seed=-1"]),
        ({"person": "nobody"}, ["'nobody'", "avatar"]),
    ],
)
def test_a_wrong_number_is_named(plain, values, names):
    with pytest.raises(ValueError) as error:
        plain.clip(**{"seed": 1, "resolution": 64, "n_frames": 1, **values})
    assert all(name in str(error.value) for name in names)
