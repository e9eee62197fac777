"""The conformance kit on stages around a video space, sound ones and broken ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.video_stages import VideoDecoder, VideoGenerator

from talking_portrait_ros import contract
from talking_portrait_ros.realtime.warm_up import warm_up
from talking_portrait_ros.synthetic import blank_references


class OneOff(VideoDecoder):
    """Lets the first step, too, stand for four frames."""

    def step(self, chunk, state):
        fresh = state.frame == 0
        outputs = super().step(chunk, state)
        if fresh:
            frames = outputs[0].frames
            outputs[0] = replace(outputs[0], frames=np.concatenate([*[frames[:1]] * 3, frames]))
        return outputs


class LooksAhead(VideoDecoder):
    """Uses the next step of the block, where there is one."""

    def drawn(self, values, index, state, frame):
        levels = super().drawn(values, index, state, frame)
        return [level + float(values[index + 1 :].sum()) for level in levels]


class Forgetful(VideoDecoder):
    """Begins every block without memory."""

    def step(self, chunk, state):
        state.memory = 0.0
        return super().step(chunk, state)


class Late(VideoDecoder):
    """Draws each step from the one before it."""

    def drawn(self, values, index, state, frame):
        before = state.memory
        levels = super().drawn(values, index, state, frame)
        return [before + level - state.memory for level in levels]


class Hoarder(VideoDecoder):
    """Keeps all latents."""

    def drawn(self, values, index, state, frame):
        state.kept = [*getattr(state, "kept", []), values[index].copy()]
        return super().drawn(values, index, state, frame)


class Lax(VideoDecoder):
    """Draws as many frames as are asked for, whatever the steps say."""

    def step(self, chunk, state):
        if chunk.space == self.in_space and chunk.first_frame == state.frame:
            levels = [0.0] * chunk.n_frames
            return self.sent(levels, chunk, state)
        return super().step(chunk, state)


@pytest.fixture(autouse=True)
def no_avatar(monkeypatch):
    monkeypatch.setattr(contract, "synthetic_references", blank_references)


@pytest.mark.parametrize("check", contract.CHECKS)
@pytest.mark.parametrize("first_step_alone", [True, False])
def test_a_sound_decoder_passes(check, first_step_alone):
    check(VideoDecoder(first_step_alone))


@pytest.mark.parametrize("check", contract.CHECKS)
@pytest.mark.parametrize("first_step_alone", [True, False])
@pytest.mark.parametrize("steps_per_block", [1, 3])
def test_a_sound_generator_passes(check, first_step_alone, steps_per_block):
    check(VideoGenerator(first_step_alone, steps_per_block))


@pytest.mark.parametrize(
    ("broken", "check", "sentence"),
    [
        (OneOff, contract.check_clock, "an output starts at frame"),
        (OneOff, contract.check_outputs_are_on_time, "4 frames are out .* promises 1"),
        (LooksAhead, contract.check_lookahead, "may depend on"),
        (LooksAhead, contract.check_streaming_equals_whole, "chunking"),
        (Forgetful, contract.check_streaming_equals_whole, "chunking"),
        (Late, contract.check_lookahead, "longer than the measured"),
        (Hoarder, contract.check_constant_memory, "grew"),
        (Lax, contract.check_refuses_misfits, "accepted"),
    ],
)
def test_a_broken_decoder_is_caught(broken, check, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check(broken())


@pytest.mark.parametrize("stage", [VideoDecoder(), VideoDecoder(False), VideoGenerator()])
def test_warm_up_accepts_either_convention(stage, monkeypatch):
    from talking_portrait_ros.realtime import warm_up as module

    monkeypatch.setattr(module, "synthetic_references", blank_references)
    warm_up(stage)
