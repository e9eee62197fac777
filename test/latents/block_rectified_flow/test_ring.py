"""The ring of keys and values."""

from __future__ import annotations

import torch

from talking_portrait_ros.latents.block_rectified_flow.positions import video_rotary
from talking_portrait_ros.latents.block_rectified_flow.ring import StepRing

HEAD = 16


def _steps(first: int, n: int) -> torch.Tensor:
    """Steps whose keys are all their number, [1, 1, 1, n, 4, HEAD]."""
    numbers = torch.arange(first, first + n, dtype=torch.float32).view(1, 1, 1, n, 1, 1)
    return numbers.expand(1, 1, 1, n, 4, HEAD).clone()


def _numbers(ring: StepRing) -> list[int]:
    """Which steps are there, oldest first."""
    return ring.placed(HEAD)[0].values[0, 0, ::4, 0].int().tolist()


def test_the_oldest_steps_make_room() -> None:
    ring = StepRing.empty((1, 1, 1, 5, 4, HEAD), torch.zeros(()))
    for first in range(0, 12, 2):
        ring.append(_steps(first, 2), _steps(first, 2))
    assert ring.n_steps == 5
    assert _numbers(ring) == [7, 8, 9, 10, 11]


def test_only_the_newest_are_kept() -> None:
    ring = StepRing.empty((1, 1, 1, 6, 4, HEAD), torch.zeros(()))
    ring.append(_steps(0, 5), _steps(0, 5))
    ring.keep(2)
    assert _numbers(ring) == [3, 4]
    ring.append(_steps(5, 3), _steps(5, 3))
    assert _numbers(ring) == [3, 4, 5, 6, 7]


def test_keys_are_placed_from_the_window_s_beginning() -> None:
    ring = StepRing.empty((1, 1, 1, 4, 4, HEAD), torch.zeros(()))
    ring.append(_steps(0, 4), _steps(0, 4))
    ring.append(_steps(4, 2), _steps(4, 2))
    expected = video_rotary(torch.arange(4), 2, HEAD).turn(_steps(2, 4).flatten(3, 4)[0])
    assert torch.allclose(ring.placed(HEAD)[0].keys, expected[0])


def test_turning_depends_on_the_distance_in_time_alone() -> None:
    torch.manual_seed(0)
    q, k = torch.randn(2, 4, HEAD)

    def likeness(step_of_q: int, step_of_k: int) -> torch.Tensor:
        turned = [
            video_rotary(torch.tensor([step]), 2, HEAD).turn(x)
            for x, step in ((q, step_of_q), (k, step_of_k))
        ]
        return turned[0] @ turned[1].T

    assert torch.allclose(likeness(3, 1), likeness(12, 10), atol=1e-4)
    assert not torch.allclose(likeness(3, 1), likeness(4, 1), atol=1e-2)
