"""The frames stage: what it refuses, and that the fast last part equals the exact one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from talking_portrait_ros.chunks import Header, LatentBlock, Reference, References
from talking_portrait_ros.frames.avatar import drawn_avatar
from talking_portrait_ros.frames.reference_vae.compositing import (
    NativeCompositor,
    OpenCvCompositor,
    TorchCompositor,
    kernel,
)
from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.decoder import Painting
from talking_portrait_ros.frames.reference_vae.renderer import ReferenceVaeDecoder, as_floats
from talking_portrait_ros.frames.reference_vae.warp import Warp
from talking_portrait_ros.stage_specs import FRAMES


@pytest.fixture(scope="module")
def decoder() -> ReferenceVaeDecoder:
    made = ReferenceVaeDecoder(ReferenceVaeConfig.from_dict(FRAMES["ref_vae_tiny"].options))
    torch.manual_seed(1)
    for weight in made.model.parameters():
        weight.add_(0.05 * torch.randn_like(weight))
    return made


@pytest.fixture(scope="module")
def references() -> References:
    return References((drawn_avatar(),) * 2)


def _block(
    decoder: ReferenceVaeDecoder, first_frame: int, n_frames: int, steps: int
) -> LatentBlock:
    values = np.random.default_rng(3).standard_normal((steps, *decoder.in_shape))
    space = decoder.in_space
    return LatentBlock(Header(), space, values.astype(np.float32), first_frame, n_frames)


def test_opencv_composes_within_two_grey_levels(
    decoder: ReferenceVaeDecoder, references: References
) -> None:
    with torch.inference_mode():
        pictures = np.stack(
            [np.roll(drawn_avatar().image[::16, ::16], 5 * i, 1) for i in range(2)]
        )
        cache = decoder.model.encode_references(as_floats(pictures, "cpu")[None])
        latents = torch.randn(1, 2, *decoder.in_shape)
        painting = decoder.model.paint(latents, cache)
    stride = decoder.config.paint_stride
    exact = TorchCompositor(cache, stride).frames(painting).astype(int)
    fast = OpenCvCompositor(pictures, stride).frames(painting).astype(int)
    assert np.abs(fast - exact).mean() < 0.6
    assert np.percentile(np.abs(fast - exact), 99) <= 3


@pytest.mark.parametrize("n_references", [0, 1, 3])
def test_c_puts_together_what_opencv_does(n_references: int) -> None:
    compose = kernel()
    assert compose is not None
    generator = torch.Generator().manual_seed(n_references)
    pictures = (torch.rand(n_references, 6, 6, 3, generator=generator) * 255).byte().numpy()
    large = [np.kron(picture, np.ones((16, 16, 1), np.uint8)) for picture in pictures]
    references = np.stack(large) if large else np.empty((0, 96, 96, 3), np.uint8)
    coords = 2.4 * torch.rand(1, 2, n_references, 2, 12, 12, generator=generator) - 1.2
    shares = torch.rand(1, 2, n_references + 1, 24, 24, generator=generator).softmax(2)
    shares[:, :, 0, :12] = 0
    soft = torch.rand(1, 2, 12, 12, 3, generator=generator)
    painting = Painting(
        torch.randn(1, 2, 48, 48, 3, generator=generator) * 0.5,
        soft if n_references else None,
        Warp(coords, shares, soft, soft) if n_references else None,
        None,
    )
    plain = OpenCvCompositor(references, 2).frames(painting).astype(int)
    fast = NativeCompositor(references, 2, compose).frames(painting).astype(int)
    # OpenCV looks references up between 1/32 pixels, here across the edges of bright squares.
    assert np.abs(fast - plain).max() <= 8
    assert np.abs(fast - plain).mean() < 0.3


def test_nothing_comes_of_an_empty_block(
    decoder: ReferenceVaeDecoder, references: References
) -> None:
    state = decoder.start(references)
    decoder.step(_block(decoder, 0, 5, 2), state)
    assert decoder.step(_block(decoder, 5, 0, 0), state) == []


def test_the_last_block_may_be_cut_short(
    decoder: ReferenceVaeDecoder, references: References
) -> None:
    state = decoder.start(references)
    frames = [
        out.frames
        for block in (_block(decoder, 0, 5, 2), _block(decoder, 5, 2, 1))
        for out in decoder.step(block, state)
    ]
    assert [len(part) for part in frames] == [5, 2]


@pytest.mark.parametrize("every", [1, 2])
def test_pictures_come_one_by_one_and_are_those_of_the_whole(
    decoder: ReferenceVaeDecoder, references: References, every: int
) -> None:
    block = _block(decoder, 0, 7, 3)
    states = decoder.start(references), decoder.start(references)
    for state in states:
        state.every = every
    (whole,) = decoder.step(block, states[0])
    single = list(decoder.stream(block, states[1]))
    assert [len(part.frames) for part in single] == [1] * 7
    assert [part.first_frame for part in single] == list(range(7))
    stamps = [part.header.stamp_ns for part in single]
    assert np.diff(stamps).tolist() == [decoder.clock.timebase.frame_ns] * 6
    assert np.array_equal(np.concatenate([part.frames for part in single]), whole.frames)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"space": "motion/arkit-1"}, "space"),
        ({"values": np.zeros((2, 16, 2, 1), np.float32)}, "LatentBlock.values"),
        ({"first_frame": 8}, "first_frame=8"),
        ({"n_frames": 9}, "n_frames=9"),
    ],
)
def test_a_misfit_is_refused_and_changes_nothing(
    decoder: ReferenceVaeDecoder,
    references: References,
    change: dict[str, object],
    words: str,
) -> None:
    block = _block(decoder, 0, 5, 2)
    state, untouched = decoder.start(references), decoder.start(references)
    with pytest.raises(ValueError, match=words):
        decoder.step(replace(block, **change), state)
    got, expected = (decoder.step(block, each)[0].frames for each in (state, untouched))
    assert np.array_equal(got, expected)


def test_pictures_of_any_size_are_cropped_alike(decoder: ReferenceVaeDecoder) -> None:
    small = drawn_avatar()
    assert small.landmarks is not None
    wide = np.pad(small.image, ((0, 0), (200, 100), (0, 0)), mode="edge")
    moved = (small.landmarks + np.array([200, 0, 0])).astype(np.float32)
    state = decoder.start(References((small, Reference(wide, moved))))
    pictures = state.references.pictures
    assert pictures is not None
    assert pictures.shape == (1, 2, 3, 64, 64)


def test_no_reference_is_used_where_none_is_wanted(references: References) -> None:
    options = {**FRAMES["ref_vae_tiny"].options, "max_references": 0}
    made = ReferenceVaeDecoder(ReferenceVaeConfig.from_dict(options))
    assert made.start(references).references.pictures is None


def test_missing_weights_are_named_with_the_command_that_makes_them() -> None:
    options = {**FRAMES["ref_vae_tiny"].options, "weights": "nowhere"}
    with pytest.raises(ValueError, match="talking-portrait train reference-vae"):
        ReferenceVaeDecoder(ReferenceVaeConfig.from_dict(options))


@pytest.mark.parametrize("every_step", [1, 2, 4])
def test_single_frame_steps_painted_together_are_those_painted_alone(
    references: References, every_step: int
) -> None:
    options = FRAMES["ref_vae_tiny"].options
    every_frame = {"down_times": (1, 1, 1), "up_times": (1, 1, 1), "motion_channels": 0}
    decoder = ReferenceVaeDecoder(ReferenceVaeConfig.from_dict({**options, **every_frame}))
    values = np.random.default_rng(3).standard_normal((7, *decoder.in_shape)).astype(np.float32)
    blocks = [
        [LatentBlock(Header(), decoder.in_space, values, 0, 7)],
        [LatentBlock(Header(), decoder.in_space, values[k : k + 1], k, 1) for k in range(7)],
    ]
    runs = []
    for cut in blocks:
        state = decoder.start(references)
        state.every_step = every_step
        frames = [part.frames for block in cut for part in decoder.stream(block, state)]
        assert [len(part) for part in frames] == [1] * 7
        runs.append(np.concatenate(frames).astype(int))
    assert np.abs(runs[0] - runs[1]).max() <= 1
    drawn = np.any(np.diff(runs[0], axis=0), axis=(1, 2, 3))
    assert drawn.tolist() == [(frame + 1) % every_step == 0 for frame in range(1, 7)]
