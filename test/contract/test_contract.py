"""The conformance kit itself: it passes a sound stage and catches each kind of broken one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from talking_portrait_ros import contract
from talking_portrait_ros.chunks import FeatureChunk, Header
from talking_portrait_ros.stage import Clock, require_next
from talking_portrait_ros.synthetic import blank_references
from talking_portrait_ros.timebase import Timebase

SPF = 640


@dataclasses.dataclass
class State:
    sound: np.ndarray
    n_samples: int = 0
    n_frames: int = 0
    origin_ns: int | None = None
    history: list = dataclasses.field(default_factory=list)


class EnergyStage:
    """Energy per frame, with a lookahead; each argument breaks one promise."""

    in_space, out_space, in_shape = "", "features/energy", ()

    def __init__(self, real=960, declared=960, leak=False, chunky=False, deaf=False, shared=False):
        self.clock = Clock(Timebase(), lookahead_samples=declared)
        self.real, self.leak, self.chunky, self.deaf = real, leak, chunky, deaf
        self.common = State(np.zeros(0, np.float32)) if shared else None

    def start(self, references):
        return State(np.zeros(0, np.float32))

    def step(self, chunk, state):
        if not self.deaf:
            if chunk.sample_rate_hz != 16_000:
                raise ValueError("sample_rate_hz must be 16000")
            require_next("energy", "first_sample", state.n_samples, chunk.first_sample)
        if state.origin_ns is None:
            state.origin_ns = chunk.header.stamp_ns
        if self.leak:
            state.history.append(chunk.samples)
        state.sound = np.concatenate([state.sound, chunk.samples])
        state.n_samples += len(chunk.samples)
        return self._ready(state, float(len(chunk.samples)) if self.chunky else 0.0)

    def _ready(self, state, extra=0.0):
        outputs = []
        while len(state.sound) >= SPF + self.real:
            window = state.sound[: SPF + self.real]
            state.sound = state.sound[SPF:]
            energy = np.abs(window).sum() + window[-160:].sum() + extra
            if self.common is not None:
                self.common.n_frames += 1
                energy += self.common.n_frames
            header = Header(stamp_ns=state.origin_ns + state.n_frames * 40_000_000)
            values = np.array([[energy]], np.float32)
            outputs.append(FeatureChunk(header, self.out_space, values, np.zeros(1, np.float32),
                                        state.n_frames))  # fmt: skip
            state.n_frames += 1
        return outputs

    def finish(self, state):
        n_missing = -(-state.n_samples // SPF) - state.n_frames
        length = n_missing * SPF + self.real
        state.sound = np.pad(state.sound, (0, max(0, length - len(state.sound))))[:length]
        last = self._ready(state)
        header = dataclasses.replace(last[-1].header, end_of_stream=True)
        return [*last[:-1], last[-1].with_header(header)]


@pytest.fixture(autouse=True)
def no_avatar(monkeypatch):
    monkeypatch.setattr(contract, "synthetic_references", blank_references)


@pytest.mark.parametrize("check", contract.CHECKS)
def test_a_sound_stage_passes(check):
    check(EnergyStage())


@pytest.mark.parametrize(
    ("fault", "check", "sentence"),
    [
        ({"declared": 1280}, contract.check_lookahead, "longer than the measured"),
        ({"declared": 640}, contract.check_lookahead, "may depend on"),
        ({"declared": 1280}, contract.check_outputs_are_on_time, "promises"),
        ({"leak": True}, contract.check_constant_memory, "grew"),
        ({"chunky": True}, contract.check_streaming_equals_whole, "chunking"),
        ({"deaf": True}, contract.check_refuses_misfits, "accepted"),
        ({"shared": True}, contract.check_seeded, "second time"),
        ({"shared": True}, contract.check_sessions_are_independent, "another session"),
    ],
)
def test_a_broken_stage_is_caught(fault, check, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check(EnergyStage(**fault))
