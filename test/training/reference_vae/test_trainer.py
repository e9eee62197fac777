"""A step of the training, going on from a checkpoint, and what joins the loss when asked to."""

from __future__ import annotations

import sys
import types

import pytest
import torch

from talking_portrait_ros.training.reference_vae import learned_distance
from talking_portrait_ros.training.reference_vae.batches import plain_batch
from talking_portrait_ros.training.reference_vae.clips import FixedClips
from talking_portrait_ros.training.reference_vae.config import (
    LossWeights,
    ReferenceVaeTraining,
    model_config,
)
from talking_portrait_ros.training.reference_vae.discriminator import Adversary
from talking_portrait_ros.training.reference_vae.evaluation import evaluate, psnr_db
from talking_portrait_ros.training.reference_vae.flat import FlatClips
from talking_portrait_ros.training.reference_vae.trainer import Trainer


@pytest.fixture(scope="module")
def clips():
    maker = FlatClips()
    return [maker.clip(seed, 64, 6) for seed in range(3)]


def trainer_of(**settings):
    config = ReferenceVaeTraining(
        preset="ref_vae_tiny", curriculum="64x5x1:8", warm_up=2, learning_rate=1e-3, **settings
    )
    return Trainer(config, model_config("ref_vae_tiny"))


def trained(trainer, clips, first, last):
    stage, supply = trainer.config.stages[0], FixedClips(clips)
    return [trainer.step(step, stage, supply) for step in range(first, last)]


def largest_difference(a, b):
    assert a.keys() == b.keys()
    return max(float((a[name].double() - b[name].double()).abs().max()) for name in a)


def test_a_run_that_was_interrupted_goes_on_as_if_it_had_not_been(clips):
    settings = {"accumulate": 2, "losses": LossWeights(adversarial=0.1, adversarial_from=1)}
    whole = trainer_of(**settings)
    trained(whole, clips, 0, 4)
    first = trainer_of(**settings)
    trained(first, clips, 0, 2)
    kept = {name: value.clone() for name, value in first.tensors().items()}
    second = trainer_of(**settings)
    second.load(kept)
    trained(second, clips, 2, 4)
    assert largest_difference(second.tensors(), whole.tensors()) < 1e-6
    assert largest_difference(kept, whole.tensors()) > 1e-4


def test_the_seed_says_what_the_weights_become(clips):
    ends = []
    for seed in (1, 1, 2):
        trainer = trainer_of(seed=seed)
        trained(trainer, clips, 0, 2)
        ends.append(trainer.tensors())
    assert largest_difference(ends[0], ends[1]) < 1e-7
    assert largest_difference(ends[0], ends[2]) > 1e-3


def test_every_weight_learns(clips):
    trainer = trainer_of(reference_shares=(0.0, 0.0, 0.0, 1.0))
    before = {n: w.clone() for n, w in trainer.model.named_parameters()}
    trained(trainer, clips, 0, 4)
    still = [n for n, w in trainer.model.named_parameters() if torch.equal(w, before[n])]
    assert still == []


def test_a_step_says_what_it_did(clips):
    (numbers,) = trained(trainer_of(reference_shares=(0.0, 1.0, 0.0, 0.0)), clips, 0, 1)
    assert {"loss", "l1", "perceptual", "kl", "warp", "gradient", "step_ms"} <= numbers.keys()
    assert numbers["learning_rate"] == pytest.approx(5e-4)
    assert all(torch.isfinite(torch.tensor(value)) for value in numbers.values())


def test_a_gradient_that_is_not_finite_changes_nothing(clips):
    trainer = trainer_of()
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    for weight in trainer.model.parameters():
        weight.grad = torch.full_like(weight, float("nan"))
    trainer._descend()
    assert largest_difference(trainer.model.state_dict(), before) == 0


def test_the_linear_path_begins_as_a_picture(clips):
    trainer = trainer_of()
    stride = trainer.model.config.base_stride
    pictures = torch.stack([clip.frames[:5] for clip in clips]).float() / 255
    small = torch.nn.functional.avg_pool2d(pictures.flatten(0, 1), stride)
    trainer.begin_linear_path(
        small.unflatten(0, pictures.shape[:2]), torch.zeros(len(clips), 5, 4, 4)
    )
    frame = plain_batch(clips[:1], 1).frames
    for model in (trainer.model, trainer.ema.model):
        with torch.no_grad():
            nothing = model.encode_references(frame[:, :0])
            again = model.decode(model.encode(frame).mean, nothing).frames[0]
        large = torch.nn.functional.interpolate(small[:1], scale_factor=stride, mode="bilinear")
        assert float((again - large).abs().mean()) < 0.05


def test_checkpoints_of_another_model_are_refused(clips):
    tensors = trainer_of().tensors()
    config = ReferenceVaeTraining(preset="ref_vae_tiny", curriculum="64x5x1:8")
    other = Trainer(config, model_config("ref_vae_tiny").replace(latent_channels=8))
    with pytest.raises(ValueError, match="another model.*another folder"):
        other.load(tensors)


def test_the_adversary_learns_to_tell_and_its_opinion_moves_the_pictures_alone():
    torch.manual_seed(0)
    adversary = Adversary(learning_rate=2e-3, device="cpu")
    real, flat = torch.rand(2, 3, 32, 32), torch.full((2, 3, 32, 32), 0.5)
    hinge = [adversary.learn(real, flat) for _ in range(40)]
    assert hinge[-1] < 0.5 * hinge[0]
    adversary.optimiser.zero_grad()
    made = flat.clone().requires_grad_(True)
    adversary.opinion(made).backward()
    assert made.grad.abs().max() > 0
    assert all(weight.grad is None for weight in adversary.model.parameters())


def test_lpips_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(ValueError, match="lpips is not installed.*needs no downloads"):
        trainer_of(losses=LossWeights(lpips=1.0))


def test_lpips_without_its_weights_is_refused_and_with_them_is_used(monkeypatch, tmp_path):
    class Network(torch.nn.Module):
        def __init__(self, net, verbose):
            super().__init__()

        def forward(self, made, wanted):
            return (made - wanted).abs()  # of pictures in -1..1

    monkeypatch.setitem(sys.modules, "lpips", types.SimpleNamespace(LPIPS=Network))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(ValueError, match="alexnet.*not there"):
        learned_distance.load_lpips("cpu")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / learned_distance._TRUNK).touch()
    distance = learned_distance.load_lpips("cpu")
    black, white = torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)
    assert float(distance(black, white)) == 2


def test_psnr_is_of_what_is_shown():
    wanted = torch.full((2, 3, 8, 8), 0.5)
    assert psnr_db(wanted + 0.1, wanted) == pytest.approx(20)
    assert psnr_db(torch.full_like(wanted, 7.0), wanted) == pytest.approx(6.02, abs=0.01)


def test_an_evaluation_says_each_number_of_references_and_shows_it(clips, tmp_path):
    evaluation = evaluate(trainer_of().ema.model, clips, 5, "cpu")
    assert set(evaluation.figures) == {
        f"{kind}_m{n}" for kind in ("psnr", "features_psnr") for n in (0, 1, 3)
    }
    assert all(3 < value < 60 for value in evaluation.figures.values())
    assert list(evaluation.columns[0])[:5] == [
        "reference 1", "reference 2", "reference 3", "original", "decoded M=0"
    ]  # fmt: skip
    assert len(evaluation.columns) == 3
    evaluation.save_picture(tmp_path / "grid.png")
    assert (tmp_path / "grid.png").stat().st_size > 10_000
