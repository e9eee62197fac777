"""What a run shows: records, curves, pictures, the progress line."""

from __future__ import annotations

import json

import cv2
import torch

from talking_portrait_ros.training.loop.history import History, Means, plot_history
from talking_portrait_ros.training.loop.pictures import save_grid
from talking_portrait_ros.training.loop.progress import ProgressLine


def test_records_are_appended_and_those_of_a_checkpoint_come_first(tmp_path):
    path = tmp_path / "run" / "metrics.jsonl"
    History(path).add({"step": 3, "loss": 0.5})
    history = History(path, [{"step": 1, "loss": 0.75}])
    history.add({"step": 2, "psnr": 20.0})
    assert [json.loads(line) for line in path.read_text().splitlines()] == history.records
    assert history.curve("loss") == ([1], [0.75])
    assert (history.last("psnr"), history.last("kl")) == (20.0, None)


def test_means_begin_anew_when_they_are_taken():
    means = Means()
    means.add({"a": 1.0, "b": 5.0})
    means.add({"a": 3.0})
    assert means.take() == {"a": 2.0, "b": 5.0}
    assert means.take() == {}


def test_curves_are_drawn_for_what_there_is(tmp_path):
    history = History(tmp_path / "m.jsonl", [{"step": s, "loss": 1 / s} for s in (1, 2, 3)])
    plot_history(tmp_path / "c.png", history, {"loss": ("loss", "kl"), "dB": ("psnr",)})
    assert cv2.imread(str(tmp_path / "c.png")).shape == (350, 500, 3)
    plot_history(tmp_path / "none.png", history, {"dB": ("psnr",)})
    assert not (tmp_path / "none.png").exists()


def test_a_grid_shows_each_picture_in_its_row(tmp_path):
    red = torch.tensor([1.0, 0, 0]).view(3, 1, 1).expand(3, 8, 8)
    save_grid(tmp_path / "g.png", {"one": [red, 0 * red], "two": [0 * red, red]}, size=16)
    grid = cv2.imread(str(tmp_path / "g.png"))[..., ::-1]
    assert grid.shape == (2 * (16 + 16), 2 * 18, 3)
    assert (grid[16:32, :16] == [255, 0, 0]).all() and (grid[48:, 18:34] == [255, 0, 0]).all()
    assert not grid[16:32, 18:].any()


def test_off_a_terminal_there_is_a_line_now_and_then(capsys):
    with ProgressLine("vae", total=5, quiet_every_s=1000) as line:
        for step in range(1, 6):
            line.show(step, f"loss {1 / step:.2f}")
    assert capsys.readouterr().err.splitlines() == ["vae 1/5 loss 1.00", "vae 5/5 loss 0.20"]
