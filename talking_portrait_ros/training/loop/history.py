"""The records of a run: one dict of numbers per line of a JSONL file, and its curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

Record = dict[str, float]


class History:
    """Records in order of steps; each is appended to the file as it comes."""

    def __init__(self, path: Path, records: Sequence[Record] = ()) -> None:
        """Begin the file at `path` anew with `records` (those that a checkpoint remembers)."""
        self.path = path
        self.records = list(records)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(map(_line, self.records)))

    def add(self, record: Mapping[str, float]) -> None:
        """Append one record; it has a "step"."""
        self.records.append(dict(record))
        with self.path.open("a") as file:
            file.write(_line(record))

    def curve(self, key: str) -> tuple[list[float], list[float]]:
        """Steps and values of the records that have `key`."""
        chosen = [record for record in self.records if key in record]
        return [record["step"] for record in chosen], [record[key] for record in chosen]

    def last(self, key: str) -> float | None:
        """The newest value of `key`."""
        values = self.curve(key)[1]
        return values[-1] if values else None


def _line(record: Mapping[str, float]) -> str:
    return json.dumps({key: round(value, 6) for key, value in record.items()}) + "\n"


class Means:
    """Means of named numbers since the last `take`."""

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = {}

    def add(self, numbers: Mapping[str, float]) -> None:
        """Count `numbers` in."""
        for name, value in numbers.items():
            self._sums.setdefault(name, []).append(value)

    def take(self) -> dict[str, float]:
        """The means, and begin anew."""
        means = {name: sum(values) / len(values) for name, values in self._sums.items()}
        self._sums = {}
        return means


def plot_history(path: Path, history: History, panels: Mapping[str, Sequence[str]]) -> None:
    """Curves over the steps: one panel per title, one line per key that has records.

    A panel whose title ends in "dB" is linear, the others are logarithmic.
    """
    from matplotlib.figure import Figure

    shown = {title: [k for k in keys if history.curve(k)[0]] for title, keys in panels.items()}
    shown = {title: keys for title, keys in shown.items() if keys}
    if not shown:
        return
    figure = Figure(figsize=(5 * len(shown), 3.5), layout="constrained")
    for axes, (title, keys) in zip(np.atleast_1d(figure.subplots(1, len(shown))), shown.items(),
                                   strict=True):  # fmt: skip
        for key in keys:
            axes.plot(*history.curve(key), label=key, linewidth=1)
        axes.set(title=title, xlabel="step", yscale="linear" if title.endswith("dB") else "log")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    figure.savefig(path, dpi=100)
