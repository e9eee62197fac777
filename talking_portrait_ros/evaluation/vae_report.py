"""Reports of what the VAE keeps: tables beside the paper's figures, and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from talking_portrait_ros.evaluation.curves import Estimate, mean_with_interval
from talking_portrait_ros.evaluation.vae import REFERENCE_COUNTS, Trial
from talking_portrait_ros.evaluation.vae_drift import Minute

PAPER_DB = {
    "paper, no CR-VA, VoxCeleb2": (29.071, 31.676, 32.766),
    "paper, CR-VA, VoxCeleb2": (29.604, 32.354, 33.979),
    "paper, no CR-VA, HDTF": (28.306, 32.068, 33.149),
    "paper, CR-VA, HDTF": (28.678, 33.469, 35.374),
}
"""S1's ablation, PSNR with 0, 1 and 3 references: other people, other clips."""


def trials_table(title: str, trials: Sequence[Trial]) -> Table:
    """PSNR, SSIM and lips by model and number M of references, and the rivals.

    The rivals are the first reference, copied, and a thumbnail of as many numbers as the latents.
    """
    table = Table(title=f"{title}: {len(trials)} clips (mean, 95 % interval)")
    for heading in ("decoded by", "M", "PSNR dB", "gain", "SSIM", "lips r"):
        table.add_column(heading)
    for model in trials[0].scores:
        for n in REFERENCE_COUNTS:
            similar = mean_with_interval([t.scores[model][n].ssim for t in trials])
            table.add_row(
                model, str(n), str(psnr(trials, model, n)),
                f"{gain(trials, model, n).mean:+.2f}" if n else "",
                f"{similar.mean:.3f}", _lips(trials, model, n),
            )  # fmt: skip
    table.add_row("copy", "1", str(_of(trials, "copied_db")), "", "", "")
    table.add_row("thumbnail", "0", str(_of(trials, "thumbnail_db")))
    return table


def ablation_table(sets: Mapping[str, Sequence[Trial]]) -> Table:
    """PSNR and gains over M=0 in the shape of the paper's ablation, with the paper's own rows."""
    table = Table(title="PSNR dB with M references, and gain over none")
    for heading in ("", "M=0", "M=1", "M=3", "gain 1", "gain 3"):
        table.add_column(heading)
    rows = {
        f"{model}, {name}": tuple(psnr(trials, model, n).mean for n in REFERENCE_COUNTS)
        for name, trials in sets.items()
        for model in trials[0].scores
    }
    for name, (none, one, three) in {**rows, **PAPER_DB}.items():
        table.add_row(
            name, f"{none:.2f}", f"{one:.2f}", f"{three:.2f}",
            f"{one - none:+.2f}", f"{three - none:+.2f}",
        )  # fmt: skip
    return table


def drift_table(minutes: Sequence[Minute]) -> Table:
    """One row per minute."""
    table = Table("minute", "PSNR dB", "state bytes", "process MiB", title="One long clip")
    for number, minute in enumerate(minutes, 1):
        process = f"{minute.process_bytes / 2**20:.0f}"
        table.add_row(str(number), f"{minute.psnr_db:.2f}", str(minute.state_bytes), process)
    return table


def trials_notes(title: str, trials: Sequence[Trial]) -> list[str]:
    """Which clips to look at, and how many have lips that say something."""
    model = next(iter(trials[0].scores))
    order = sorted(trials, key=lambda trial: trial.scores[model][1].psnr_db)
    ends = [f"{t.name} ({t.scores[model][1].psnr_db:.1f} dB)" for t in (order[0], order[-1])]
    moving = sum(trial.lips_move for trial in trials)
    return [
        f"{title}: worst {ends[0]}, best {ends[1]} with one reference",
        f"{title}: lips move in {moving} of {len(trials)} clips; only these count for r",
    ]


def trials_dict(trials: Sequence[Trial]) -> dict[str, Any]:
    """Every figure of one set, as plain values."""
    models = list(trials[0].scores)
    return {
        "n_clips": len(trials),
        "n_lips": sum(trial.lips_move for trial in trials),
        "models": {
            model: {f"M={n}": _summary(trials, model, n) for n in REFERENCE_COUNTS}
            for model in models
        },
        "copied_db": vars(_of(trials, "copied_db")),
        "thumbnail_db": vars(_of(trials, "thumbnail_db")),
        "clips": {trial.name: asdict(trial) for trial in trials},
    }


def psnr(trials: Sequence[Trial], model: str, n: int) -> Estimate:
    """Mean over clips."""
    return mean_with_interval([trial.scores[model][n].psnr_db for trial in trials])


def gain(trials: Sequence[Trial], model: str, n: int) -> Estimate:
    """What `n` references add to none, paired over clips."""
    return mean_with_interval(
        [t.scores[model][n].psnr_db - t.scores[model][0].psnr_db for t in trials]
    )


def lips(trials: Sequence[Trial], model: str, n: int) -> Estimate | None:
    """Mean correlation over the clips whose lips move; None where there are none.

    A decoded clip in which no face is seen counts as 0.
    """
    found = [trial.scores[model][n].mouth_r or 0.0 for trial in trials if trial.lips_move]
    return mean_with_interval(found) if found else None


def _lips(trials: Sequence[Trial], model: str, n: int) -> str:
    found = lips(trials, model, n)
    return "" if found is None else f"{found.mean:.3f} [{found.low:.2f}, {found.high:.2f}]"


def _of(trials: Sequence[Trial], name: str) -> Estimate:
    return mean_with_interval([getattr(trial, name) for trial in trials])


def _summary(trials: Sequence[Trial], model: str, n: int) -> dict[str, Any]:
    mouth = lips(trials, model, n)
    return {
        "psnr_db": vars(psnr(trials, model, n)),
        "gain_db": vars(gain(trials, model, n)),
        "ssim": vars(mean_with_interval([t.scores[model][n].ssim for t in trials])),
        "lips_r": vars(mouth) if mouth else None,
    }
