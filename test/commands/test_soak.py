"""Figures and curves of a soak, from samples that are known."""

from __future__ import annotations

import pytest
from PIL import Image

from talking_portrait_ros.commands.soak import Sample, plot, summary


def samples(n=60, growth_mb=0.1):
    """One a minute; a node that grows, and a lag that is not known in the first one."""
    return [
        Sample(
            float(minute),
            {"frames": 400 + growth_mb * minute, "audio": 100.0},
            {"frames": 23, "audio": 20 + (minute > 40)},
            25.0,
            0.02,
            float("nan") if minute == 0 else 104.0,
            0.5,
        )
        for minute in range(n)
    ]


def test_slopes_growth_and_means_are_those_of_the_samples():
    figures = summary(samples())
    assert figures["memory of frames, slope, MB/h"] == pytest.approx(6.0)
    assert figures["memory of audio, slope, MB/h"] == pytest.approx(0.0, abs=1e-6)
    assert figures["file handles, growth of a node, most"] == 1
    assert figures["periods without their own frame in time, %"] == pytest.approx(2.0)
    assert figures["lag, slope, ms/h"] == pytest.approx(0.0, abs=1e-6)


def test_curves_are_drawn_into_a_picture(tmp_path):
    plot(samples(), tmp_path / "soak.png")
    with Image.open(tmp_path / "soak.png") as picture:
        assert len(set(picture.convert("L").tobytes())) > 10
