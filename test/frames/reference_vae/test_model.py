"""The network: shapes, compression, causality, references as a set, pieces equal the whole."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from talking_portrait_ros.frames.avatar import drawn_avatar
from talking_portrait_ros.frames.reference_vae import FAMILY
from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.load import build_model, config_of
from talking_portrait_ros.frames.reference_vae.model import ReferenceVae
from talking_portrait_ros.stage_specs import FRAMES, frames_spec

SIDE = 64
EACH_FRAME = {"down_times": (1, 1, 1), "up_times": (1, 1, 1), "motion_channels": 0}


def _config(name: str = "ref_vae_tiny") -> ReferenceVaeConfig:
    return ReferenceVaeConfig.from_dict({**FRAMES[name].options, "weights": ""})


def _model(config: ReferenceVaeConfig | None = None) -> ReferenceVae:
    """Random weights everywhere, layers that begin at zero included."""
    torch.manual_seed(0)
    model = ReferenceVae(config or _config()).eval().requires_grad_(False)
    for weight in model.parameters():
        weight.add_(0.05 * torch.randn_like(weight))
    return model


def _frames(n_frames: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(1, n_frames, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", ["ref_vae_512", "ref_vae_paper_512"])
def test_the_compression_ratio_is_the_papers(name: str) -> None:
    config = _config(name)
    assert config.compression_ratio == 768
    assert (config.latent_size, config.latent_channels, config.time_factor) == (8, 64, 4)


def test_the_fine_preset_codes_every_frame() -> None:
    config = _config("ref_vae_fine_512")
    assert (config.compression_ratio, config.time_factor, config.latent_size) == (96, 1, 8)


def test_the_tiny_preset_is_what_the_contract_suite_runs() -> None:
    assert _config("ref_vae_tiny") == FAMILY.tiny


def test_the_compression_ratio_counts_numbers() -> None:
    model = _model()
    n_pixels, n_latents = (
        model.encode(_frames(n)).mean.numel() if kind else _frames(n).numel()
        for kind, n in ((0, 9), (1, 9))
    )
    first_pixels, first_latents = _frames(1).numel(), model.encode(_frames(1)).mean.numel()
    ratio = (n_pixels - first_pixels) / (n_latents - first_latents)
    assert ratio == model.config.compression_ratio


def test_the_preset_at_the_papers_scale_has_its_widths() -> None:
    with torch.device("meta"):
        model = ReferenceVae(_config("ref_vae_paper_512"))
        fused = model.decoder.fusion
        feature = model.encoder.features(torch.zeros(1, 5, 3, 512, 512), None)[4]
    assert feature.shape == (1, 2, 32, 32, 1024)
    assert len(fused) == 6
    assert fused[0].n_heads == 16
    assert sum(weight.numel() for weight in fused.parameters()) == pytest.approx(101e6, rel=0.02)


@pytest.mark.parametrize("n_references", [0, 1, 3])
@pytest.mark.parametrize("each_frame", [False, True])
def test_pieces_equal_the_whole(n_references: int, each_frame: bool) -> None:
    model = _model(_config().replace(**EACH_FRAME) if each_frame else None)
    frames, references = _frames(13), _frames(n_references, seed=2)
    whole = model.encode(frames)
    memory = model.encoder_memory(1, SIDE, SIDE)
    pieces = [model.encode(piece, memory).mean for piece in frames.split([5, 4, 4], dim=1)]
    assert torch.allclose(torch.cat(pieces, dim=1), whole.mean, atol=1e-4)
    cache = model.encode_references(references)
    memory = model.decoder_memory(1, SIDE, SIDE)
    lengths = [1, 8, 4] if each_frame else [1, 2, 1]
    decoded = [
        model.decode(piece, cache, memory).frames for piece in whole.mean.split(lengths, dim=1)
    ]
    expected = model.decode(whole.mean, cache).frames
    assert torch.allclose(torch.cat(decoded, dim=1), expected, atol=1e-4)


def test_the_future_changes_neither_latents_nor_frames() -> None:
    model = _model()
    frames, changed = _frames(9), _frames(9)
    changed[:, 5:] = 0
    latents, others = (model.encode(x).mean for x in (frames, changed))
    assert torch.equal(latents[:, :2], others[:, :2])
    assert not torch.equal(latents[:, 2:], others[:, 2:])
    cache = model.encode_references(_frames(1, seed=2))
    seen, other = (model.decode(x, cache).frames for x in (latents, others))
    assert torch.allclose(seen[:, :5], other[:, :5], atol=1e-6)


def test_references_are_a_set() -> None:
    model = _model()
    latents, references = model.encode(_frames(5)).mean, _frames(3, seed=2)
    outs = [
        model.decode(latents, model.encode_references(references[:, order])).frames
        for order in ([0, 1, 2], [1, 2, 0])
    ]
    assert torch.allclose(*outs, atol=1e-4)


def test_references_are_looked_at() -> None:
    model = _model()
    latents = model.encode(_frames(5)).mean
    outs = [model.decode(latents, model.encode_references(_frames(1, s))).frames for s in (2, 3)]
    assert (outs[0] - outs[1]).abs().max() > 0.01


def test_the_card_of_the_weights_knows_their_network() -> None:
    config = config_of("ref_vae_512")
    assert config == ReferenceVaeConfig.from_dict(frames_spec("ref_vae_512").options)
    with pytest.raises(ValueError, match="no_such_weights"):
        config_of("no_such_weights")


def test_shipped_weights_keep_a_picture() -> None:
    model = build_model(config_of("ref_vae_512"))
    picture = torch.from_numpy(drawn_avatar().image.copy()).permute(2, 0, 1).float() / 255
    picture = functional.interpolate(picture[None], (512, 512), mode="area")[None]
    latents = model.encode(picture).mean
    for references, least_db in ((picture[:, :0], 25), (picture, 33)):
        decoded = model.decode(latents, model.encode_references(references)).frames
        error = (decoded.clamp(0, 1) - picture).square().mean()
        assert -10 * torch.log10(error) > least_db


def _smooth_clips(n: int, side: int) -> torch.Tensor:
    """Clips of a ramp that grows steeper at a steady rate, [n, 5, side, side, 3]."""
    slope, level, speed = torch.rand(3, n, 1, 1, 1, 3).unbind()
    ramp = torch.linspace(0, 1, side)[:, None, None]
    now = torch.arange(5).view(1, 5, 1, 1, 1) / 4
    return ((slope + speed * now) * ramp + level) * ramp.transpose(0, 1)


def test_the_linear_path_begins_as_principal_components() -> None:
    torch.manual_seed(0)
    model = ReferenceVae(_config()).eval().requires_grad_(False)
    assert model.linear is not None
    side = model.config.space_factor // model.config.base_stride
    clips = _smooth_clips(200, side)
    model.linear.fit(clips, torch.zeros(200, 5, 4, 4))
    latents = model.linear.encode(clips[:1], None)
    assert torch.allclose(model.linear.decode(latents, None), clips[:1], atol=1e-3)
    nothing = model.encode_references(torch.zeros(1, 0, 3, 64, 64))
    decoded = model.decode(latents.permute(0, 1, 4, 2, 3), nothing).frames
    large = clips[0].permute(0, 3, 1, 2)
    for _ in range(2):  # painted at every other pixel
        large = functional.interpolate(large, scale_factor=2, mode="bilinear")
    assert torch.allclose(decoded[0], large, atol=1e-3)


def test_what_the_blend_of_two_keys_misses_is_told_by_the_motion_channels() -> None:
    torch.manual_seed(0)
    model = ReferenceVae(_config()).eval().requires_grad_(False)
    assert model.linear is not None
    clips = _smooth_clips(200, model.config.space_factor // model.config.base_stride)
    clips = clips[:, :1].repeat(1, 5, 1, 1, 1)
    clips[:, 2] += 0.3 * torch.rand(200, 1, 1, 1)  # a flash between keys that are alike
    model.linear.fit(clips, torch.zeros(200, 5, 4, 4))
    latents = model.linear.encode(clips[:1], None)
    assert torch.allclose(model.linear.decode(latents, None), clips[:1], atol=1e-2)
    latents[..., -model.config.motion_channels :] = 0
    assert not torch.allclose(model.linear.decode(latents, None), clips[:1], atol=2e-2)


def test_an_uneven_pace_from_key_to_key_is_told() -> None:
    torch.manual_seed(0)
    model = ReferenceVae(_config()).eval().requires_grad_(False)
    assert model.linear is not None
    clips = _smooth_clips(200, model.config.space_factor // model.config.base_stride)
    model.linear.fit(clips, torch.zeros(200, 5, 4, 4))  # all of even pace
    first, last = clips[:1, :1], clips[:1, -1:]
    done = torch.tensor([0.0, 0.7, 0.8, 0.9, 1.0]).view(1, 5, 1, 1, 1)
    uneven = torch.lerp(first, last, done)
    decoded = model.linear.decode(model.linear.encode(uneven, None), None)
    way = (last - first).abs().mean()
    assert (decoded - uneven).abs().mean() < 0.05 * way
    assert (clips[:1] - uneven).abs().mean() > 0.1 * way


def test_positions_of_a_block_are_told_by_their_own_numbers_mostly() -> None:
    torch.manual_seed(0)
    config = _config().replace(resolution=128, linear_cells=2)
    linear = ReferenceVae(config).eval().requires_grad_(False).linear
    assert linear is not None
    side = 2 * linear.side
    clips = torch.nn.functional.interpolate(
        torch.rand(300 * 5, 3, 5, 5), size=(side, side), mode="bicubic"
    ).permute(0, 2, 3, 1)
    linear.fit(clips.unflatten(0, (300, 5)), torch.zeros(300, 5, 4, 4))
    latents = linear.encode(clips[None, :1], None)
    assert latents.shape == (1, 1, 2, 2, config.latent_channels)
    whole = linear.decode(latents, None)
    latents[:, :, 0, 0] = 0
    change = (linear.decode(latents, None) - whole).abs()[0, 0].mean(-1)
    assert change[: linear.side, : linear.side].mean() > 2 * change[linear.side :].mean()
    assert change[linear.side :].max() > 0


def test_what_keys_can_tell_of_a_difference_is_a_projection() -> None:
    torch.manual_seed(0)
    linear = ReferenceVae(_config()).eval().requires_grad_(False).linear
    assert linear is not None
    linear.fit(_smooth_clips(200, linear.side), torch.zeros(200, 5, 4, 4))
    difference = torch.randn(1, 2, linear.side, linear.side, 3)
    once = linear.told(difference)
    assert torch.allclose(linear.told(once), once, atol=1e-4)
    assert once.square().sum() < difference.square().sum()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"widths": (8, 8)}, "blocks"),
        ({"up_times": (1, 1, 1, 1)}, "up_times"),
        ({"resolution": 100}, "resolution"),
        ({"fusion_level": 9}, "fusion_level"),
        ({"patch": 3}, "patch"),
        ({"base_stride": 3}, "base_stride"),
    ],
)
def test_a_config_that_cannot_be_built_names_its_field(
    change: dict[str, object], field: str
) -> None:
    with pytest.raises(ValueError, match=rf"ReferenceVaeConfig\.{field}="):
        ReferenceVaeConfig.from_dict({**_config().to_dict(), **change})
