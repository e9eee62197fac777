"""Corpus and trainers of the speech networks, on a corpus of a few sentences."""

from __future__ import annotations

import json

import numpy as np
import pytest

from talking_portrait_ros import weights
from talking_portrait_ros.audio.speech import SpeechRequest, synthesise_all
from talking_portrait_ros.features.log_mel.speech_net import SHAPES, SpeechNet
from talking_portrait_ros.latents.audio_regression.model import load_net
from talking_portrait_ros.training import audio_regression, sounds, speech_activity
from talking_portrait_ros.training.speech_corpus import SpeechCorpusConfig, build_corpus
from talking_portrait_ros.training.voices import ESPEAK_LATE_S, _on_time

CORPUS = SpeechCorpusConfig(utterances_per_voice=3, variants=1, voices=1, negatives=0.5, seed=5)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    build_corpus(CORPUS, folder)
    return folder


def test_the_corpus_follows_from_its_seed_and_is_kept(cache, tmp_path):
    kept, again = build_corpus(CORPUS, cache), build_corpus(CORPUS, tmp_path)
    assert all(np.array_equal(a.slots, b.slots) for a, b in zip(kept, again, strict=True))
    assert len(list(tmp_path.iterdir())) == 1


def test_examples_are_whole_and_labels_are_in_range(cache):
    examples = build_corpus(CORPUS, cache)
    assert len(examples) >= 3
    for one in examples:
        n_slots = len(one.slots)
        assert one.slots.shape == (n_slots, 80) and one.articulation.shape == (n_slots, 5)
        assert set(np.unique(one.speech)) <= {0.0, 1.0}
        assert one.articulation[:, 0].min() >= 0 and np.abs(one.articulation).max() <= 1


def test_labels_are_in_step_with_the_sound(cache):
    """Where the labels say speech, the sound is louder, most at no delay."""
    examples = [one for one in build_corpus(CORPUS, cache) if one.speech.any()]

    def agreement(delay):
        return np.mean([np.corrcoef(np.roll(one.speech, delay), one.slots.mean(axis=1))[0, 1]
                        for one in examples])  # fmt: skip

    assert abs(max(range(-20, 21, 2), key=agreement)) <= 4


def test_borders_between_sounds_of_espeak_are_earlier_and_those_with_pauses_stay():
    (plain,) = synthesise_all([SpeechRequest("Ada. Ida.")])
    corrected = _on_time(plain.phonemes)
    assert [p.ipa for p in corrected] == [p.ipa for p in plain.phonemes]
    for index in range(1, len(corrected)):
        moved_s = plain.phonemes[index].start_s - corrected[index].start_s
        inner = corrected[index - 1].ipa and corrected[index].ipa
        assert (0 < moved_s <= ESPEAK_LATE_S + 1e-9) if inner else moved_s == 0
        assert corrected[index - 1].end_s == corrected[index].start_s < corrected[index].end_s


@pytest.mark.parametrize("make", [sounds.noise, sounds.music])
def test_sounds_follow_from_their_generator(make):
    first, again, other = (make(8000, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(first, again) and not np.allclose(first, other)
    assert np.sqrt(np.mean(first**2)) == pytest.approx(sounds.LOUDNESS, rel=1e-3)


def test_the_lips_are_trained_and_load(cache, tmp_path, monkeypatch):
    config = audio_regression.AudioRegressionTraining(
        out=str(tmp_path), cache=str(cache), corpus=CORPUS, lookaheads_ms=(60,), steps=15,
        batch=2, stretch_s=2.0)  # fmt: skip
    (path,) = audio_regression.train(config)
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    load_net("audio_regression_la60")
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["figures"]["synthetic_opening_r"] > 0.1
    assert (cache / "audio_regression_la60_loss.png").is_file()


def test_the_voice_activity_is_trained_and_its_numpy_twin_agrees(cache, tmp_path, monkeypatch):
    import torch

    config = speech_activity.SpeechActivityTraining(
        out=str(tmp_path), cache=str(cache), corpus=CORPUS, steps=15, batch=4)  # fmt: skip
    (path,) = speech_activity.train(config)
    assert json.loads(path.with_suffix(".json").read_text())["figures"]["accuracy_la60"] > 0.3
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    numpy_net, torch_net = SpeechNet.load(), speech_activity.SpeechNetTraining()
    torch_net.load_state_dict({k: torch.from_numpy(numpy_net.weights[k]) for k in SHAPES})
    slots = np.random.default_rng(0).standard_normal((30, 80)).astype(np.float32)
    expected = torch.sigmoid(torch_net(torch.from_numpy(slots)[None]))[0].detach().numpy()
    hidden, got = np.zeros(32, np.float32), []
    for slot in slots:
        probabilities, hidden = numpy_net.step(slot, hidden)
        got.append(probabilities)
    assert np.allclose(got, expected, atol=1e-4)
