"""Drafts: the guide's motion as latents."""

from __future__ import annotations

import pytest
import torch

from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.load import build_model
from talking_portrait_ros.frames.reference_vae.model import ReferenceVae
from talking_portrait_ros.frames.reference_vae.renderer import as_floats
from talking_portrait_ros.latents.block_rectified_flow.draft import Drafter
from talking_portrait_ros.spaces import INDEX, MOTION_WIDTH
from talking_portrait_ros.stage_specs import FRAMES
from talking_portrait_ros.synthetic import synthetic_references


@pytest.fixture(scope="module")
def vae() -> ReferenceVae:
    options = {**FRAMES["ref_vae_tiny"].options, "resolution": 256}
    return build_model(ReferenceVaeConfig.from_dict(options), "cpu")


def _motion(n_frames: int) -> torch.Tensor:
    motion = torch.zeros(n_frames, MOTION_WIDTH)
    motion[:, INDEX["jawOpen"]] = torch.linspace(0, 1, n_frames)
    return motion


def _coded(vae: ReferenceVae, n_frames: list[int]) -> torch.Tensor:
    drafter = Drafter(vae)
    state = drafter.start(synthetic_references().first)
    motion = _motion(sum(n_frames))
    drafter.take(motion[:3], state)
    drafter.take(motion[3:], state)
    return torch.cat([drafter.coded(n, state) for n in n_frames], dim=1)


@torch.no_grad()
def test_drafts_in_pieces_are_those_of_the_whole(vae: ReferenceVae) -> None:
    whole, pieces = _coded(vae, [9]), _coded(vae, [1, 4, 4])
    assert whole.shape == (1, 3, 16, 4, 4)
    assert torch.allclose(whole, pieces, atol=1e-5)


@torch.no_grad()
def test_a_draft_is_near_what_it_stands_for(vae: ReferenceVae) -> None:
    """At rest it is nearly the picture; with an open mouth it differs where the mouth is."""
    drafter = Drafter(vae)
    state = drafter.start(synthetic_references().first)
    picture = as_floats(state.renderer.render(torch.zeros(1, MOTION_WIDTH)).numpy(), "cpu")
    pictures = torch.nn.functional.interpolate(picture, (256, 256), mode="nearest")[None]
    drafter.take(_motion(5), state)
    first, last = drafter.coded(5, state)[0]
    wanted = vae.linear.encode(  # type: ignore[union-attr]
        torch.nn.functional.avg_pool2d(pictures[0], 4)[None].permute(0, 1, 3, 4, 2), None
    )[0, 0].permute(2, 0, 1)
    assert torch.allclose(first, wanted, atol=1e-4)
    assert (last - first).abs().max() > 0.01


def test_a_vae_without_a_linear_path_is_refused(vae: ReferenceVae) -> None:
    options = {**FRAMES["ref_vae_tiny"].options, "base_stride": 0, "warp_width": 0}
    bare = build_model(ReferenceVaeConfig.from_dict(options), "cpu")
    with pytest.raises(ValueError, match="anchor='draft'.*linear path"):
        Drafter(bare)
