"""One line that says how far a run is."""

from __future__ import annotations

import time
from types import TracebackType

QUIET_EVERY_S = 30.0


class ProgressLine:
    """A line that is redrawn on a terminal, and otherwise printed now and then."""

    def __init__(self, title: str, total: int, quiet_every_s: float = QUIET_EVERY_S) -> None:
        """A line for a run of `total` steps; off a terminal one every `quiet_every_s`."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = Console(stderr=True)
        self._title, self._total = title, total
        self._quiet_every_s, self._next_s = quiet_every_s, 0.0
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.completed}"),
            TextColumn("{task.fields[facts]}"), TimeRemainingColumn(), console=self._console,
            disable=not self._console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task(title, total=total, facts="")

    def __enter__(self) -> ProgressLine:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, step: int, facts: str) -> None:
        """`step` steps are done; `facts` are shown beside the bar."""
        if self._console.is_terminal:
            self._bar.update(self._task, completed=step, facts=facts)
        elif time.monotonic() >= self._next_s or step == self._total:
            self._next_s = time.monotonic() + self._quiet_every_s
            self._console.print(f"{self._title} {step}/{self._total} {facts}", soft_wrap=True)
