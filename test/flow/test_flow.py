"""The flow on cases whose solution is known."""

from __future__ import annotations

import pytest
import torch

from talking_portrait_ros.flow.path import (
    between,
    clean_from_velocity,
    velocity_from_clean,
    velocity_of,
)
from talking_portrait_ros.flow.schedule import drawn_times, shifted, times_down
from talking_portrait_ros.flow.solver import euler, guided

MEAN, SPREAD = 0.7, 0.3


def _gaussian_velocity(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """E[noise - clean | z(t) = z] for clean ~ N(MEAN, SPREAD^2): regression of two Gaussians."""
    variance = (1 - t) ** 2 * SPREAD**2 + t**2
    covariance = t - (1 - t) * SPREAD**2
    return -MEAN + covariance / variance * (z - (1 - t) * MEAN)


def _noise(n: int = 20_000) -> torch.Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(0))


def test_the_path_begins_clean_and_ends_as_noise() -> None:
    clean, noise = torch.rand(2, 5)
    assert torch.equal(between(clean, noise, torch.tensor(0.0)), clean)
    assert torch.equal(between(clean, noise, torch.tensor(1.0)), noise)


def test_the_velocity_is_the_slope_of_the_path() -> None:
    clean, noise = torch.rand(2, 5, dtype=torch.float64)
    t = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.functional.jacobian(lambda t: between(clean, noise, t), t)
    assert torch.allclose(slope, velocity_of(clean, noise))


def test_clean_data_and_velocity_say_the_same() -> None:
    clean, noise, t = torch.rand(5), torch.rand(5), torch.tensor(0.4)
    z = between(clean, noise, t)
    assert torch.allclose(clean_from_velocity(z, velocity_of(clean, noise), t), clean)
    assert torch.allclose(velocity_from_clean(z, clean, t), velocity_of(clean, noise))


def test_one_step_is_exact_where_the_data_is_one_point() -> None:
    point = torch.tensor([0.2, -1.0])

    def velocity(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return velocity_from_clean(z, point, t)

    assert torch.allclose(euler(velocity, torch.randn(2), times_down(1)), point, atol=1e-6)


@pytest.mark.parametrize("shift", [1.0, 5.0])
def test_many_steps_give_the_gaussian_that_the_field_belongs_to(shift: float) -> None:
    data = euler(_gaussian_velocity, _noise(), times_down(1000, shift))
    assert data.mean() == pytest.approx(MEAN, abs=0.01)
    assert data.std() == pytest.approx(SPREAD, rel=0.03)


def test_the_error_falls_with_the_number_of_steps() -> None:
    exact = MEAN + SPREAD * _noise()  # the flow between Gaussians is linear
    errors = [
        (euler(_gaussian_velocity, _noise(), times_down(n)) - exact).abs().mean().item()
        for n in (2, 4, 8, 16, 32)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.6 * errors[-2]  # first order: half the error


def test_a_shift_of_five_is_the_papers_formula() -> None:
    t = torch.linspace(0, 1, 11)
    assert torch.allclose(shifted(t, 5.0), 5 * t / (1 + 4 * t))
    times = times_down(12, 5.0)
    assert (times[0], times[-1], len(times)) == (1, 0, 13)
    assert (times.diff() < 0).all()


def test_times_are_drawn_inside_and_towards_the_noise_by_a_shift() -> None:
    draws = [drawn_times(4000, shift, torch.Generator().manual_seed(1)) for shift in (1.0, 5.0)]
    for times in draws:
        assert ((times > 0) & (times < 1)).all()
    assert draws[0].mean() == pytest.approx(0.5, abs=0.02)
    assert draws[1].mean() > 0.7


def test_guidance_of_one_is_the_conditional_field_and_more_goes_beyond() -> None:
    with_condition, without = torch.tensor(2.0), torch.tensor(1.0)
    assert guided(with_condition, without, 1.0) == 2
    assert guided(with_condition, without, 2.0) == 3
    assert guided(with_condition, without, 0.0) == 1


@pytest.mark.parametrize(("n_steps", "shift", "field"), [(0, 1.0, "n_steps"), (4, 0.0, "shift")])
def test_a_schedule_that_cannot_be_is_refused(n_steps: int, shift: float, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        times_down(n_steps, shift)
