"""Frames with their origin: the portrait, looked up there, is the frame wherever no paint is."""

from __future__ import annotations

import torch
from torch import Tensor

from talking_portrait_ros.frames.rig.sampling import look_up


def looked_up(renderer, sources: Tensor) -> Tensor:
    return torch.from_numpy(look_up(renderer.rig.picture.numpy(), sources.numpy()))


def test_unpainted_pixels_come_from_their_sources(renderer, motion):
    mapped = renderer.render_mapped(
        torch.stack([motion(jawOpen=0.6, headYaw=0.15), motion(eyeBlink=1.0, mouthSmile=0.5)])
    )
    for frame, sources, shown in zip(mapped.frames, mapped.sources, mapped.shown, strict=True):
        error = (looked_up(renderer, sources).float() - frame.float()).abs().amax(-1)
        kept = shown[..., 0] == 1
        assert 0.8 < float(kept.float().mean()) < 1
        assert float(error[kept].quantile(0.99)) < 12
        assert float(error[shown[..., 0] < 0.2].mean()) > 12


def test_the_frames_are_those_of_render(renderer, motion):
    motions = motion(jawOpen=0.3, headPitch=0.1)[None]
    mapped, plain = renderer.render_mapped(motions).frames, renderer.render(motions)
    assert (mapped.int() - plain.int()).abs().max() <= 3  # drawn by PyTorch and by C


def test_a_face_at_rest_shows_the_portrait_only(renderer, motion):
    mapped = renderer.render_mapped(motion()[None])
    assert float(mapped.shown.min()) > 0.45  # the seam of the closed lips
    assert float((mapped.shown < 1).float().mean()) < 0.02
