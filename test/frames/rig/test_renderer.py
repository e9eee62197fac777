"""What the frames of a portrait rig must and must not do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from talking_portrait_ros.frames.rig.pose import HeadPose
from talking_portrait_ros.frames.rig.renderer import RigRenderer
from talking_portrait_ros.frames.rig.rig import Rig
from talking_portrait_ros.frames.rig.sampling import OpenCvSampling, TorchSampling
from talking_portrait_ros.spaces import MOTION_NAMES

Motion = Callable[..., Tensor]


def _random_motion(n_frames: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(n_frames, 58, generator=generator)
    values[:, 52:] = (values[:, 52:] - 0.5) * 0.3
    return values


def _opening(renderer: RigRenderer, frames: Tensor) -> Tensor:
    """Share of the mouth box that is neither lip, [B]: from the layers, not from colours."""
    warps = []
    painter = renderer._painter
    place_lips = painter.place_lips
    painter.place_lips = lambda coords, lips: warps.append(lips)  # type: ignore[method-assign]
    renderer.render(frames)
    painter.place_lips = place_lips  # type: ignore[method-assign]
    layers = warps[0].layers[..., 2]
    return (layers < 0).all(dim=0).float().mean(dim=(1, 2))


def test_neutral_motion_leaves_a_closed_portrait_as_it_is(closed_rig: Rig) -> None:
    frame = RigRenderer(closed_rig).render(torch.zeros(1, 58))[0]
    difference = (frame.int() - closed_rig.picture.int()).abs()
    assert difference.float().mean() < 0.02
    assert difference.max() <= 2


def test_neutral_motion_closes_a_toothy_smile(
    motion: Motion, renderer: RigRenderer, smiling_rig: Rig
) -> None:
    frames = torch.stack([motion(), motion(jawOpen=0.5, mouthClose=1.0)])
    opening = _opening(renderer, frames)
    assert (opening == 0).all()


def test_lips_part_strictly_with_the_jaw(motion: Motion, renderer: RigRenderer) -> None:
    jaw = torch.linspace(0, 1, 21)
    opening = _opening(renderer, torch.stack([motion(jawOpen=float(j)) for j in jaw]))
    assert (opening.diff() > 0).all()
    assert np.corrcoef(jaw, opening)[0, 1] > 0.98


def test_mouth_close_shuts_the_lips_in_proportion(motion: Motion, renderer: RigRenderer) -> None:
    shut = torch.linspace(0, 1, 6)
    poses = [motion(jawOpen=0.6, mouthClose=float(value)) for value in shut]
    opening = _opening(renderer, torch.stack(poses))
    assert (opening.diff() < 0).all()
    assert opening[-1] == 0


def test_every_control_alone_and_all_together_stay_finite(renderer: RigRenderer) -> None:
    single = torch.eye(58)
    single[52:] *= 0.2
    everything = torch.ones(1, 58)
    everything[:, 52:] = 0.2
    for frames in (single, -single, everything):
        pictures = renderer.render_float(frames)
        assert torch.isfinite(pictures).all()
        assert pictures.min() >= 0
        assert pictures.max() <= 1


@pytest.mark.parametrize("name", ["jawLeft", "mouthPucker", "mouthSmileLeft", "browInnerUp",
                                  "mouthRollLower", "headYaw", "eyeBlinkLeft"])  # fmt: skip
def test_drawn_controls_change_the_frame(motion: Motion, renderer: RigRenderer, name: str) -> None:
    frames = torch.stack([motion(), motion(**{name: 0.2 if "head" in name else 1.0})])
    still, moved = renderer.render(frames).int()
    assert (moved - still).abs().max() > 20


def test_side_of_a_control_is_the_persons_own(motion: Motion, renderer: RigRenderer) -> None:
    frames = torch.stack([motion(), motion(mouthSmileLeft=1.0)])
    still, moved = renderer.render(frames).int()
    change = (moved - still).abs().sum(dim=(0, 2)).float()  # [W]
    middle = round(float(renderer.rig.face[0]))
    assert change[middle:].sum() > 3 * change[:middle].sum()


def test_head_turns_as_the_axes_say(motion: Motion, renderer: RigRenderer) -> None:
    frames = torch.stack([motion(headYaw=0.15), motion(headPitch=0.15), motion(headRoll=0.15)])
    unit = float(renderer.rig.face[4])
    points = torch.tensor([[0.0, unit], [0.0, 0.0]]).expand(3, -1, -1)  # neck height, x 0 and unit
    points = points + renderer._head.centre[:, None]
    moved = HeadPose.of(frames, renderer._head).shift(points, torch.zeros(3, 2))
    assert moved[0, 0, 0] > 0.05 * unit
    assert moved[1, 1, 0] > 0.05 * unit
    assert moved[2, 1, 1] - moved[2, 1, 0] > 0.1 * unit


def test_shoulders_and_far_background_stand_still(renderer: RigRenderer, smiling_rig: Rig) -> None:
    frames = _random_motion(4, seed=1)
    frames[:, 52:] = frames[:, 52:].sign() * 0.15
    pictures = renderer.render(frames).int()
    difference = (pictures - smiling_rig.picture.int()).abs().amax(dim=(0, 3))
    edge = smiling_rig.resolution // 16
    for corner in (difference[:edge, :edge], difference[:edge, -edge:],
                   difference[-edge:, :edge], difference[-edge:, -edge:]):  # fmt: skip
        assert corner.max() <= 4


def test_batch_equals_frames_one_by_one(renderer: RigRenderer) -> None:
    frames = _random_motion(5, seed=2)
    together = renderer.render(frames).int()
    single = torch.cat([renderer.render(frame[None]) for frame in frames]).int()
    assert (together - single).abs().max() <= 2


def test_torch_sampling_equals_opencv_sampling(smiling_rig: Rig) -> None:
    frames = _random_motion(3, seed=3)
    fast = RigRenderer(smiling_rig, sampling=OpenCvSampling()).render(frames)
    plain = RigRenderer(smiling_rig, sampling=TorchSampling()).render(frames)
    difference = (fast.int() - plain.int()).abs().float()
    assert difference.mean() < 0.25
    assert difference.max() <= 12


def test_float_frames_are_the_uint8_frames(renderer: RigRenderer) -> None:
    frames = _random_motion(2, seed=4)
    floating = renderer.render_float(frames).permute(0, 2, 3, 1) * 255
    assert (floating - renderer.render(frames)).abs().max() < 4


def test_rig_file_draws_the_same(smiling_rig: Rig, renderer: RigRenderer, tmp_path: Path) -> None:
    smiling_rig.save(tmp_path / "me.safetensors")
    again = RigRenderer(Rig.load(tmp_path / "me.safetensors"))
    frames = _random_motion(1, seed=5)
    torch.testing.assert_close(again.render(frames), renderer.render(frames))


def test_missing_or_foreign_rig_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nobody.safetensors"):
        Rig.load(tmp_path / "nobody.safetensors")
    (tmp_path / "text.safetensors").write_text("not a rig")
    with pytest.raises(ValueError, match="build it again"):
        Rig.load(tmp_path / "text.safetensors")


def test_motion_of_another_width_is_refused(renderer: RigRenderer) -> None:
    with pytest.raises(ValueError, match=f"expected shape .*{len(MOTION_NAMES)}"):
        renderer.render(torch.zeros(1, 52))
