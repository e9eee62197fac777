"""Recordings on a CPU: everything but the CUDA graph itself."""

from __future__ import annotations

import torch
from torch import nn

from talking_portrait_ros.nn import recorded
from talking_portrait_ros.nn.recorded import Recorded, bfloat16_weights


def scaled(key, moving, standing):
    return [key * moving[0] + sum(standing)]


def test_a_recording_gives_what_the_function_gives_for_every_key_and_shape():
    recording = Recorded(scaled)
    for n in (2, 3, 2):
        for key in (1, 5):
            x, y = torch.randn(n), torch.randn(n)
            (found,) = recording(key, [x], [y])
            torch.testing.assert_close(found, key * x + y)


def test_results_stay_when_the_next_ones_come():
    recording = Recorded(lambda _key, moving, _standing: moving)
    (first,) = recording(None, [torch.zeros(2)])
    recording(None, [torch.ones(2)])
    assert first.tolist() == [0, 0]


def test_standing_tensors_are_copied_when_they_are_others():
    recording, standing = Recorded(scaled), [torch.ones(1)]
    assert recording(1, [torch.zeros(1)], standing)[0].item() == 1
    standing[0] = torch.full((1,), 7.0)
    assert recording(1, [torch.zeros(1)], standing)[0].item() == 1  # the same sequence
    assert recording(1, [torch.zeros(1)], list(standing))[0].item() == 7


def test_recordings_are_bounded_and_the_oldest_goes(monkeypatch):
    monkeypatch.setattr(recorded, "MOST_RECORDINGS", 2)
    recording = Recorded(scaled)
    for key in (1, 2, 1, 3):
        recording(key, [torch.zeros(1)])
    assert [whole[0] for whole in recording._recordings] == [1, 3]


def test_matrices_are_kept_in_bfloat16_but_for_a_part():
    network = nn.ModuleDict({"sound": nn.Linear(2, 2), "rest": nn.Linear(2, 2)})
    bfloat16_weights(network, but="sound")
    assert network["sound"].weight.dtype == torch.float32
    assert network["rest"].weight.dtype == torch.bfloat16
