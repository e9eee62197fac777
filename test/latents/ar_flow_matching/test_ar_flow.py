"""The generator's parts; the contract suite covers streaming, clock, causality and memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from talking_portrait_ros.chunks import FeatureChunk, Header
from talking_portrait_ros.features.causal_speech.wav2vec2 import CausalWav2Vec2, Wav2Vec2Size
from talking_portrait_ros.latents.ar_flow_matching import FAMILY, build
from talking_portrait_ros.latents.ar_flow_matching.codes import MotionCodes
from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.latents.ar_flow_matching.generator import ArFlowMatching
from talking_portrait_ros.latents.ar_flow_matching.gestures import LONG_AGO, UnderWay
from talking_portrait_ros.latents.ar_flow_matching.lips import N_LOOKAHEADS
from talking_portrait_ros.latents.ar_flow_matching.load import build_model
from talking_portrait_ros.latents.ar_flow_matching.model import ArFlow
from talking_portrait_ros.latents.ar_flow_matching.sampler import frame_noise
from talking_portrait_ros.latents.ar_flow_matching.shown import (
    COLUMNS,
    bounded,
    calmed,
    shown,
    voted,
)
from talking_portrait_ros.latents.direction import Expression, Gaze
from talking_portrait_ros.spaces import INDEX, MOTION_WIDTH
from talking_portrait_ros.stage_specs import LATENTS
from talking_portrait_ros.synthetic import blank_references, split_chunk, synthetic_input

TINY = FAMILY.tiny
N_FRAMES = 12


def motion(stage, chunk=None, state=None):
    """What the stage shows for 12 frames, [T, 58]."""
    state = state or stage.start(blank_references())
    (block,) = stage.step(chunk or synthetic_input(stage, N_FRAMES, seed=1), state)
    return block.values


def test_only_what_pulls_is_asked_and_a_pull_may_set_in_and_end():
    stage = build(TINY.replace(guidance_speaker=0.0, guidance_listener=0.0), "cpu")
    pieces = split_chunk(synthetic_input(stage, 12), [4, 4, 4], stage.clock.timebase)
    never, pulled = stage.start(blank_references()), stage.start(blank_references())
    plain = [stage.step(piece, never)[0].values for piece in pieces]
    made = []
    for piece, pull, n_rows in zip(pieces, (0.0, 1.0, 0.0), (1, 3, 1), strict=True):
        stage.config = stage.config.replace(guidance_speaker=pull)
        made.append(stage.step(piece, pulled)[0].values)
        assert pulled.past.ring.kept.shape[1] == n_rows
    np.testing.assert_allclose(made[0], plain[0], atol=1e-6)
    assert np.abs(made[1] - plain[1]).max() > 1e-3
    assert np.isfinite(np.concatenate(made)).all()


@pytest.mark.parametrize("voice", ["speaker", "listener", "anchor"])
def test_each_guidance_weight_pulls_at_once(voice):
    stage = build(TINY.replace(guidance_speaker=0.0, guidance_listener=0.0), "cpu")
    before = motion(stage)
    stage.config = stage.config.replace(**{f"guidance_{voice}": 1.0})
    assert np.abs(motion(stage) - before).max() > 1e-3


def test_the_listener_guidance_is_the_difference_that_the_partner_makes():
    """With a partner that the network does not know, there is nothing to pull towards."""
    config = TINY.replace(guidance_speaker=0.0, guidance_listener=0.0)
    model = build_model(config)
    model.ears.partner.leave.weight.zero_()
    model.ears.partner.leave.bias.copy_(model.ears.partner.none)
    stage = ArFlowMatching(config, model)
    before = motion(stage)
    stage.config = stage.config.replace(guidance_listener=2.0)
    np.testing.assert_allclose(motion(stage), before, atol=1e-5)


def test_both_voices_move_the_face():
    stage = build(TINY, "cpu")
    chunk = synthetic_input(stage, N_FRAMES, seed=1)
    before = motion(stage, chunk)
    for columns in (slice(0, 160), slice(160, 320)):
        values = chunk.values.copy()
        values[:, columns] += 1
        changed = FeatureChunk(Header(), chunk.space, values, chunk.speech, 0)
        assert np.abs(motion(stage, changed) - before).max() > 1e-3


def test_another_seed_is_another_performance():
    one, other = (motion(build(TINY.replace(weights="", seed=0), "cpu")) for _ in range(2))
    assert np.array_equal(one, other)
    stage = build(TINY, "cpu")
    stage.config = stage.config.replace(seed=5)
    assert np.abs(motion(stage) - one).max() > 1e-3


def test_noise_is_a_function_of_seed_and_frame():
    assert torch.equal(frame_noise(1, 7, 5), frame_noise(1, 7, 5))
    assert not torch.equal(frame_noise(1, 7, 5), frame_noise(1, 8, 5))
    assert not torch.equal(frame_noise(1, 7, 5), frame_noise(2, 7, 5))


@pytest.mark.parametrize("n_steps", [2, 3, 5])
def test_euler_steps_may_change_while_it_runs(n_steps):
    stage = build(TINY, "cpu")
    usual = motion(stage)
    stage.config = stage.config.replace(denoise_steps=n_steps)
    assert np.abs(motion(stage) - usual).max() > 1e-5


@pytest.mark.parametrize("part", list(COLUMNS))
def test_an_amplitude_of_zero_stops_its_part_exactly(part):
    stage = build(TINY.replace(breathing=0.0, **{part: 0.0}), "cpu")
    made = motion(stage)
    assert not made[:, COLUMNS[part]].any()
    others = [c for name, columns in COLUMNS.items() if name != part for c in columns]
    assert np.ptp(made[:, others], axis=0).max() > 0


def test_every_number_of_the_motion_has_one_amplitude():
    columns = sorted(c for part in COLUMNS.values() for c in part)
    assert columns == list(range(MOTION_WIDTH))


def test_a_closed_gate_shuts_the_mouth_and_leaves_the_smile():
    row = shown(np.full(MOTION_WIDTH, 0.2, np.float32), 0.0, TINY)
    assert row[INDEX["jawOpen"]] == 0 and row[INDEX["mouthPucker"]] == 0
    assert row[INDEX["mouthSmileLeft"]] == np.float32(0.2)


def test_without_own_speech_the_mouth_is_shut_within_three_frames():
    stage = build(TINY, "cpu")
    chunk = synthetic_input(stage, N_FRAMES, seed=1)
    speech = np.where(np.arange(N_FRAMES) < 4, 1.0, 0.0).astype(np.float32)
    made = motion(stage, FeatureChunk(Header(), chunk.space, chunk.values, speech, 0))
    assert not made[7:, COLUMNS["mouth"]].any()


def test_lip_nets_and_network_have_one_vote_each_on_the_mouth_and_none_elsewhere():
    row = np.full(MOTION_WIDTH, 0.2, np.float32)
    made = voted(row.copy(), np.full(MOTION_WIDTH, 0.6, np.float32), 3)
    np.testing.assert_allclose(made[COLUMNS["mouth"]], 0.5, rtol=1e-5)
    others = np.setdiff1d(np.arange(MOTION_WIDTH), COLUMNS["mouth"])
    assert np.array_equal(made[others], row[others])


def _say(lips, opening):
    """Let lip nets say this opening and nothing else, whatever they hear."""
    lips.leave.weight.zero_()
    lips.leave.bias.zero_()
    lips.leave.bias.view(lips.n_nets, N_LOOKAHEADS, -1)[..., 0] = opening


def test_lip_nets_move_the_mouth_and_leave_what_the_network_remembers():
    chunk, made, states = None, [], []
    for opening in (0.0, 1.0):
        model = build_model(TINY)
        _say(model.lips, opening)
        model.codes.mean[INDEX["jawOpen"]] = 0.5  # the network opens the mouth
        stage = ArFlowMatching(TINY, model)
        chunk = chunk or synthetic_input(stage, N_FRAMES, seed=1)
        chunk.speech[:], chunk.values[:, -1] = 1.0, 0.0
        states.append(stage.start(blank_references()))
        made.append(motion(stage, chunk, states[-1]))
    wider = made[1] - made[0]
    assert wider[:, INDEX["jawOpen"]].min() > 0.3
    assert not wider[:, COLUMNS["head"] + COLUMNS["blink"]].any()
    assert torch.equal(states[0].past.last, states[1].past.last)


def test_while_the_partner_speaks_lip_nets_are_heard_only_if_the_network_opens_the_mouth():
    """They cannot tell an echo of the partner from speech of their own; the network can."""
    model = build_model(TINY)
    _say(model.lips, 1.0)
    model.codes.leave[:, INDEX["jawOpen"]] = 0.0
    model.codes.mean[INDEX["jawOpen"]] = 0.01
    stage = ArFlowMatching(TINY, model)
    chunk = synthetic_input(stage, N_FRAMES, seed=1)
    chunk.speech[:] = 1.0
    widest = []
    for partner in (0.0, 1.0):
        chunk.values[:, -1] = partner
        widest.append(motion(stage, chunk)[:, INDEX["jawOpen"]].max())
    assert widest[0] > 0.3 > 0.01 > widest[1]


def test_a_gesture_begins_when_the_dice_fall_below_its_chance() -> None:
    under_way = UnderWay(chances=[1.0, 0.0, 0.5])
    began = []
    for frame in range(400):
        under_way.go_on(3, frame)
        began.append([age == 0 for age in under_way.ages])
    shares = np.mean(began, axis=0)
    assert shares[0] == 1 and shares[1] == 0 and 0.4 < shares[2] < 0.6
    assert under_way.ages[1] == LONG_AGO


def test_gestures_under_way_move_the_face_and_their_chances_come_from_the_voices():
    model = build_model(TINY)
    torch.nn.init.normal_(model.gestures.enter.weight)
    stage = ArFlowMatching(TINY, model)
    state = stage.start(blank_references())
    before = motion(stage, state=state)
    assert min(state.past.gestures[0].chances) > 0
    model.gestures.likely.bias.fill_(9.0)  # all, always
    assert np.abs(motion(ArFlowMatching(TINY, model)) - before).max() > 1e-3


def test_slow_parts_are_calmed_and_the_mouth_is_not():
    before, row = np.zeros(MOTION_WIDTH, np.float32), np.ones(MOTION_WIDTH, np.float32)
    calm = calmed(row, before)
    assert calm[INDEX["headYaw"]] == 0.5
    assert calm[INDEX["jawOpen"]] == 1 and calm[INDEX["eyeBlinkLeft"]] == 1


def test_no_motion_leaves_what_a_face_can_do():
    wild = np.linspace(-9, 9, MOTION_WIDTH).astype(np.float32)
    row = bounded(wild.copy())
    assert row[:52].min() >= 0 and row[:52].max() <= 1
    assert np.abs(row[52:]).max() <= 0.6


def test_wishes_reach_the_face_and_not_its_memory():
    plain, asked = build(TINY, "cpu"), build(TINY, "cpu")
    asked.director.look(Gaze(0.5, 0.0))
    asked.director.feel(Expression.named("happy"))
    states = [stage.start(blank_references()) for stage in (plain, asked)]
    before, after = motion(plain, state=states[0]), motion(asked, state=states[1])
    assert after[-1, INDEX["mouthSmileLeft"]] > before[-1, INDEX["mouthSmileLeft"]]
    assert after[-1, INDEX["headYaw"]] > before[-1, INDEX["headYaw"]]
    assert torch.equal(states[0].past.last, states[1].past.last)


def test_codes_keep_what_moves_and_drop_what_does_not():
    generator = torch.Generator().manual_seed(0)
    moves = torch.zeros(500, MOTION_WIDTH)
    moves[:, 3] = torch.rand(500, generator=generator)
    moves[:, 4] = moves[:, 3]  # together
    moves[:, 20] = 0.1 * torch.rand(500, generator=generator)
    moves[:, 30] = 0.25  # never moves
    codes = MotionCodes(8)
    codes.fit(moves)
    assert int((codes.counts > 0).sum()) == 2
    torch.testing.assert_close(codes.decode(codes.encode(moves)), moves, atol=1e-4, rtol=0)
    alive = codes.encode(moves)[:, codes.counts > 0]
    torch.testing.assert_close(alive.std(dim=0), torch.ones(2), atol=0.01, rtol=0)


def test_an_important_number_weighs_more():
    generator = torch.Generator().manual_seed(0)
    moves = torch.zeros(500, MOTION_WIDTH)
    moves[:, INDEX["jawOpen"]] = torch.rand(500, generator=generator)
    moves[:, INDEX["browInnerUp"]] = torch.rand(500, generator=generator)
    codes = MotionCodes(2)
    codes.fit(moves)
    assert codes.counts[0] > 10 * codes.counts[1]
    assert codes.leave[0, INDEX["jawOpen"]].abs() > 0.2


def test_the_paper_preset_is_as_large_as_the_seed():
    """About 0.39 billion weights, the two speech encoders included; counted without memory."""
    with torch.device("meta"):
        model = ArFlow(ArFlowMatchingConfig.from_dict(LATENTS["dyadic_paper_512"].options))
        encoder = CausalWav2Vec2(Wav2Vec2Size())
    n_encoder = sum(weight.numel() for weight in encoder.parameters())
    n_all = sum(weight.numel() for weight in model.parameters()) + 2 * n_encoder
    assert 65e6 < n_encoder < 67e6
    assert 0.37e9 < n_all < 0.41e9


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lookahead_ms": 200}, "lookahead_ms=200"),
        ({"denoise_steps": 0}, "denoise_steps=0"),
        ({"head_width": 7}, "head_width=7"),
        ({"heard_width": 80}, "heard_width=80: log_mel ears give 160"),
        ({"mouth": -1.0}, "mouth=-1.0"),
        ({"encoder": "wav2vec2", "lip_nets": 2}, "lip_nets=2: they hear log_mel alone"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(values, words):
    with pytest.raises(ValueError, match=words):
        ArFlowMatchingConfig(**values)
