"""The dyadic generator's trainer."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from talking_portrait_ros.chunks import AudioChunk, Header
from talking_portrait_ros.features.causal_speech import CausalSpeechConfig, build
from talking_portrait_ros.features.causal_speech.config import LOOKAHEADS_MS
from talking_portrait_ros.features.log_mel.speech_net import SpeechNet
from talking_portrait_ros.latents.ar_flow_matching.gestures import KINDS, LONG_AGO
from talking_portrait_ros.latents.ar_flow_matching.lips import N_LOOKAHEADS, Lips
from talking_portrait_ros.spaces import INDEX
from talking_portrait_ros.synthetic import blank_references
from talking_portrait_ros.training.conversations.conversation import save_pack
from talking_portrait_ros.training.dyadic.batches import stretches
from talking_portrait_ros.training.dyadic.command import made_up, made_up_conversation, train
from talking_portrait_ros.training.dyadic.config import DyadicTraining, model_config
from talking_portrait_ros.training.dyadic.evaluation import figures
from talking_portrait_ros.training.dyadic.lips import lips_loss
from talking_portrait_ros.training.dyadic.material import ages_of, scene
from talking_portrait_ros.training.dyadic.trainer import Trainer
from talking_portrait_ros.training.loop.curriculum import Stage
from talking_portrait_ros.weights import load_weights

TINY = model_config("dyadic_tiny")


def _config(**changes: object) -> DyadicTraining:
    small = DyadicTraining(
        preset="dyadic_tiny", curriculum="teach:4", batch=2, stretch_frames=16, log_steps=1,
        evaluate_steps=4, checkpoint_steps=4, evaluation_clips=2, evaluation_frames=50, warm_up=1,
        start_from="",
    )  # fmt: skip
    return small.replace(**changes)


@pytest.fixture
def pack(tmp_path) -> str:
    path = tmp_path / "pack.safetensors"
    generator = np.random.default_rng(0)
    save_pack(path, [made_up_conversation(generator, 80) for _ in range(4)])
    return str(path)


def test_smoke(tmp_path) -> None:
    paths = train(DyadicTraining(smoke=True, out=str(tmp_path)))
    assert all(path.is_file() for path in paths)
    records = [json.loads(line) for line in paths[1].read_text().splitlines()]
    assert records[-1]["jaw_r"] > 0.8
    assert (paths[1].parent / "curves.png").is_file()


@pytest.mark.parametrize("lookahead_ms", LOOKAHEADS_MS)
def test_what_is_learned_from_is_what_the_features_give(lookahead_ms: int) -> None:
    conversation = made_up_conversation(np.random.default_rng(3), 40)
    stage = build(CausalSpeechConfig(lookahead_ms=lookahead_ms), "cpu")
    state = stage.start(blank_references())
    sound = AudioChunk(Header(), conversation.speaker, 16_000, 0, conversation.partner)
    (live,) = stage.step(sound, state)
    one = scene(conversation, SpeechNet.load())
    values, speech = one.heard(0, live.n_frames, LOOKAHEADS_MS.index(lookahead_ms))
    np.testing.assert_allclose(values.numpy(), live.values, atol=2e-2, rtol=1e-3)  # float16
    np.testing.assert_allclose(speech.numpy(), live.speech, atol=1e-3)


def test_gestures_are_told_by_their_age_and_the_next_ones_are_foreseen() -> None:
    conversation = made_up_conversation(np.random.default_rng(3), 80)
    ages = ages_of(replace(conversation, events={"nod": np.array([3, 40])}))
    nod, brow = ages[:, KINDS.index("nod")], ages[:, KINDS.index("brow")]
    assert nod[:6].tolist() == [LONG_AGO] * 3 + [0, 1, 2] and nod[39:42].tolist() == [36, 0, 1]
    assert (brow == LONG_AGO).all()
    one = scene(conversation, SpeechNet.load())
    batch = stretches([(one, 20)], 10, [0])
    assert batch.ages.shape == (1, 11, len(KINDS))
    assert batch.ages[0, :, KINDS.index("blink")].tolist() == [
        20,
        21,
        22,
        23,
        24,
        0,
        1,
        2,
        3,
        4,
        5,
    ]


def test_a_stretch_at_the_beginning_hears_nothing_before_and_starts_at_rest() -> None:
    (one,) = made_up(1, 1, 60)
    batch = stretches([(one, 0), (one, 5)], 10, [0, 3])
    assert not batch.values[0, :32].any() and not batch.speech[0, :32].any()
    assert not batch.motion[0, 0].any()
    assert torch.equal(batch.motion[1], one.motion[4:15])


@pytest.mark.parametrize("kind", ["teach", "distil"])
def test_each_kind_of_stage_moves_all_weights(kind: str) -> None:
    everything = {"drop_speaker": 0.5, "drop_listener": 0.5, "drop_anchor": 0.5, "batch": 16}
    trainer = Trainer(_config(lookaheads_ms=LOOKAHEADS_MS, **everything), TINY)
    scenes = made_up(2, 1, 60)
    trainer.begin(scenes)
    torch.nn.init.normal_(trainer.model.head.leave.weight, std=0.1)  # so that all have a gradient
    for step in range(3):
        assert trainer.step(step, Stage(kind, 3), scenes)["loss"] > 0
    still = [n for n, w in trainer.model.named_parameters() if w.grad is None or not w.grad.any()]
    assert not still


def test_the_past_is_spoilt_less_and_less_towards_the_end() -> None:
    trainer = Trainer(_config(forgotten=0.0, spoilt=1.0), TINY)
    before = torch.zeros(400, 16, TINY.codes)
    spoilt = trainer._spoilt(before, torch.Generator().manual_seed(0)).std(dim=(0, 2))
    assert spoilt[0] > 0.4 > 0.3 > spoilt[8] > spoilt[14] and spoilt[-1] == 0


def test_a_forgotten_past_tells_nothing() -> None:
    trainer = Trainer(_config(forgotten=1.0), TINY)
    before = 5 + torch.zeros(50, 16, TINY.codes)
    spoilt = trainer._spoilt(before, torch.Generator().manual_seed(0))
    assert abs(float(spoilt.mean())) < 0.05


def test_late_frames_count_more() -> None:
    trainer = Trainer(_config(late_frames=5, late_weight=3.0), TINY)
    weights = trainer._weights(torch.zeros(2, 16))
    assert float(weights[0, -1] / weights[0, 0]) == pytest.approx(3)
    assert float(weights.mean()) == pytest.approx(1)


def test_the_own_ear_begins_with_shipped_weights() -> None:
    trainer = Trainer(_config(start_from="audio_regression_la60"), model_config("dyadic_512"))
    trainer.begin(made_up(1, 1, 60))
    lent = trainer.model.ears.own.encoder.enter.weight
    assert not torch.equal(lent, trainer.model.ears.partner.encoder.enter.weight[: len(lent)])
    with pytest.raises(ValueError, match="start_from='audio_regression_la60'.*does not fit"):
        Trainer(_config(start_from="audio_regression_la60"), TINY).begin(made_up(1, 1, 60))


def _sentences(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Slots, and articulators of which all follow the first band of the slot 40 ms before."""
    generator = np.random.default_rng(4)
    pairs = []
    for _ in range(n):
        slots = generator.standard_normal((260, 80)).astype(np.float32)
        wanted = np.repeat(np.roll(slots[:, :1], -2, axis=0), 6, axis=1)
        pairs.append((slots, wanted))
    return pairs


def test_lip_nets_learn_each_lookahead_at_its_own_delay() -> None:
    """What comes 40 ms later is heard with a lookahead of 40 ms, and cannot be without."""
    torch.manual_seed(0)
    lips, (other, *pairs) = Lips(2), _sentences(30)
    optimiser = torch.optim.Adam(lips.parameters(), 0.01)
    for step in range(40):
        optimiser.zero_grad()
        lips_loss(lips, pairs, np.random.default_rng(step), 4, 60).backward()
        optimiser.step()
    slots, wanted = (torch.from_numpy(part) for part in other)
    with torch.no_grad():
        said = lips(slots.expand(2, 1, -1, -1), lips.fresh_caches()).mean(dim=0)[0, ..., 0]
    r = [torch.corrcoef(torch.stack([said[k:, k], wanted[: len(wanted) - k, 0]]))[0, 1]
         for k in range(N_LOOKAHEADS)]  # fmt: skip
    assert min(r[2:]) > 0.7 and max(r[:2]) < 0.5


def test_a_stage_for_lips_moves_the_lip_nets_alone() -> None:
    trainer = Trainer(_config(), TINY.replace(lip_nets=2))
    trainer._speech = _sentences(2)
    before = {name: weight.clone() for name, weight in trainer.model.named_parameters()}
    trainer.step(0, Stage("lips", 1), [])
    for name, weight in trainer.model.named_parameters():
        assert torch.equal(weight, before[name]) != name.startswith("lips."), name


def test_a_model_without_lip_nets_cannot_be_taught_lips() -> None:
    with pytest.raises(ValueError, match="preset 'dyadic_tiny' has no lip nets"):
        Trainer(_config(), TINY).step(0, Stage("lips", 1), [])


def test_a_run_may_begin_with_shipped_weights() -> None:
    trainer = Trainer(_config(begin_with="dyadic_512"), model_config("dyadic_512"))
    trainer.begin([])
    shipped = load_weights("dyadic_512", _shapes(trainer.model), "", may_lack="lips.")
    for weights in (trainer.model.state_dict(), trainer.ema.model.state_dict()):
        assert all(np.array_equal(weights[name], value) for name, value in shipped.items())


def _shapes(model: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


def test_a_run_goes_on_where_it_ended(tmp_path, pack: str) -> None:
    whole = _config(conversations=pack, out=str(tmp_path / "whole"))
    train(whole)
    parts = whole.replace(out=str(tmp_path / "parts"))
    train(parts.replace(minutes=1e-9))
    first = json.loads(next((tmp_path / "parts/checkpoints").glob("*.json")).read_text())
    assert first["step"] < 4
    train(parts)
    ends = [sorted((tmp_path / name / "checkpoints").glob("*4.safetensors"))[-1].read_bytes()
            for name in ("whole", "parts")]  # fmt: skip
    assert ends[0] == ends[1]


def test_export_writes_half_precision_and_a_card(tmp_path, pack: str) -> None:
    folder = tmp_path / "weights"
    config = _config(
        conversations=pack, out=str(tmp_path / "out"), weights_folder=str(folder),
        speech_cache=str(tmp_path),
    )  # fmt: skip
    train(config)
    (path,) = train(config.replace(export="dyadic_test"))
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["compute"].startswith("4 steps")
    assert "not learned or measured from people" in card["data"]
    assert "jaw_r" in card["figures"]
    assert str(tmp_path) not in json.dumps(card)


def test_figures_of_the_truth_are_perfect_and_of_a_mouth_that_hangs_open_are_not() -> None:
    true = torch.zeros(1, 40, 58)
    true[:, ::4, INDEX["jawOpen"]] = 0.5
    true[:, 10:13, INDEX["eyeBlinkLeft"]] = 1.0
    true[..., INDEX["headYaw"]] = torch.linspace(0, 1, 40).square()
    silent = true[..., INDEX["jawOpen"]] == 0
    perfect = figures(true, true, silent)
    assert perfect == pytest.approx({"jaw_r": 1, "mouth_open_silent": 0, "head_spread": 1,
                                     "head_shake": 1, "blinks": 1}, abs=1e-4)  # fmt: skip
    hanging = true.clone()
    hanging[..., INDEX["jawOpen"]] += 0.1
    assert figures(hanging, true, silent)["mouth_open_silent"] == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"curriculum": "dream:3"}, "curriculum='dream:3'.*teach, distil, lips"),
        ({"lookaheads_ms": (0, 30)}, r"lookaheads_ms=\(0, 30\)"),
        ({"preset": "block_flow_tiny"}, "preset='block_flow_tiny' is block_rectified_flow"),
        ({"conversations": ""}, "conversations=''.*--smoke"),
        ({"conversations": "nowhere.safetensors"}, "nowhere.safetensors"),
    ],
)
def test_what_cannot_be_trained_is_refused_by_name(changes, words) -> None:
    with pytest.raises(ValueError, match=words):
        train(_config(**changes))


def test_stretches_longer_than_every_conversation_are_refused(tmp_path, pack: str) -> None:
    config = _config(conversations=pack, out=str(tmp_path), stretch_frames=500)
    with pytest.raises(ValueError, match="stretch_frames=500: no conversation is longer"):
        train(config)
