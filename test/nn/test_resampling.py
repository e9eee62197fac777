"""Folding, unfolding and the shortcuts of the CR-VA resampling."""

from __future__ import annotations

import pytest
import torch

from talking_portrait_ros.nn.resampling import (
    Down,
    Up,
    fold_space,
    fold_time,
    narrowed,
    repeat_steps,
    unfold_space,
    unfold_time,
    widened,
)


def test_unfolding_space_undoes_folding() -> None:
    x = torch.randn(2, 3, 4, 6, 5)
    assert torch.equal(unfold_space(fold_space(x)), x)


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("fresh", [True, False])
def test_unfolding_time_undoes_folding(factor: int, fresh: bool) -> None:
    x = torch.randn(2, 2 * factor + fresh, 3, 3, 4)
    assert torch.equal(unfold_time(fold_time(x, factor, fresh), factor, fresh), x)


def test_frame_0_alone_is_one_step() -> None:
    x = torch.randn(1, 1, 2, 2, 3)
    folded = fold_time(x, 4, fresh=True)
    assert folded.shape == (1, 1, 2, 2, 12)
    assert torch.equal(narrowed(folded, 4, 3), x)


def test_a_wrong_number_of_frames_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"1 \+ 4 n"):
        fold_time(torch.zeros(1, 4, 2, 2, 1), 2, fresh=True)


def test_the_shortcut_down_averages_positions_before_channels() -> None:
    cell = torch.tensor([[1.0, 2.0], [3.0, 6.0]]).view(1, 1, 2, 2, 1)
    both = torch.cat([cell, 10 * cell], dim=-1)
    folded = fold_space(both)
    assert narrowed(folded, 4, 2).flatten().tolist() == [3, 30]
    assert narrowed(folded, 4, 4).flatten().tolist() == [1.5, 15, 4.5, 45]
    assert narrowed(folded, 4, 1).flatten().tolist() == [16.5]


def test_the_shortcut_up_undoes_the_shortcut_down_on_even_pictures() -> None:
    flat = torch.randn(1, 1, 2, 3, 8)
    up = unfold_space(widened(flat, 4, 4))
    assert up.shape == (1, 1, 4, 6, 4)
    assert torch.allclose(narrowed(fold_space(up), 4, 8), flat)


def test_the_shortcut_carries_a_picture_through_without_any_weights() -> None:
    down, up = (
        layer(*widths, time, 1, "residual")
        for layer, widths, time in ((Down, (8, 16), 2), (Up, (16, 8), 2))
    )
    for layer in (down, up):
        for weight in layer.parameters():
            torch.nn.init.zeros_(weight)
    level = torch.randn(1, 1, 1, 1, 8).expand(1, 5, 4, 4, 8)
    assert torch.allclose(up(down(level, True), True), level, atol=1e-6)


def test_interpolation_has_no_shortcut() -> None:
    layer = Up(16, 8, 2, 1, "interpolation")
    for weight in layer.parameters():
        torch.nn.init.zeros_(weight)
    assert not layer(torch.randn(1, 3, 2, 2, 16), True).any()


def test_widths_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="widths 8 and 24"):
        Down(8, 24, 1, 1, "residual")


def test_a_held_step_stands_for_its_frames_and_the_first_for_one() -> None:
    steps = torch.arange(3.0).view(1, 3)
    assert repeat_steps(steps, 4, True).flatten().tolist() == [0] + [1] * 4 + [2] * 4
