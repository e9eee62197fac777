"""Shipped weights: what is there fits, and what does not fit is refused by name."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from talking_portrait_ros import weights
from talking_portrait_ros.weights import load_weights, weights_names, weights_path

TRAIN = "talking-portrait train toy"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    return tmp_path


def test_weights_come_back_as_they_were(folder):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    save_file({"a": values}, folder / "toy.safetensors")
    assert np.array_equal(load_weights("toy", {"a": (2, 3)}, TRAIN)["a"], values)


def test_a_missing_file_is_answered_with_how_to_make_it(folder):
    save_file({"a": np.zeros(1, np.float32)}, folder / "other.safetensors")
    with pytest.raises(ValueError, match="toy.safetensors is not there .there are: other.*train"):
        load_weights("toy", {}, TRAIN)


@pytest.mark.parametrize("expected, line", [
    ({"a": (3, 2)}, r"tensor 'a': expected shape \[3, 2\], found shape \[2, 3\]"),
    ({"a": (2, 3), "b": (1,)}, r"tensor 'b': expected shape \[1\], found nothing"),
    ({}, r"tensor 'a': expected nothing, found shape \[2, 3\]"),
])  # fmt: skip
def test_tensors_that_do_not_fit_are_named(folder, expected, line):
    save_file({"a": np.zeros((2, 3), np.float32)}, folder / "toy.safetensors")
    with pytest.raises(ValueError, match=line):
        load_weights("toy", expected, TRAIN)


def test_tensors_that_may_be_lacking_are_left_out(folder):
    save_file({"a": np.ones(1, np.float32)}, folder / "toy.safetensors")
    expected = {"a": (1,), "extra.b": (2,)}
    assert list(load_weights("toy", expected, TRAIN, may_lack="extra.")) == ["a"]
    with pytest.raises(ValueError, match="tensor 'extra.b': expected shape .2., found nothing"):
        load_weights("toy", expected, TRAIN)


def test_numbers_that_are_none_are_refused(folder):
    save_file({"a": np.float32([np.nan])}, folder / "toy.safetensors")
    with pytest.raises(ValueError, match="'a' is not finite"):
        load_weights("toy", {"a": (1,)}, TRAIN)


def test_a_file_that_is_no_safetensors_is_refused(folder):
    (folder / "toy.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(ValueError, match="toy.safetensors cannot be read"):
        load_weights("toy", {}, TRAIN)


@pytest.mark.parametrize("name", weights_names())
def test_shipped_weights_are_small_and_carry_a_card(name):
    assert weights_path(name).stat().st_size < 16 * 2**20
    card = json.loads(weights_path(name).with_suffix(".json").read_text())
    assert card["name"] == name
    assert all(card[key] for key in ("data", "licence", "compute", "figures", "limits"))
