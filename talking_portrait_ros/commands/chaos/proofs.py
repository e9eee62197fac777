"""What a scenario finds: figures, each against its bound."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Proof:
    """One figure.

    Attributes:
        name: what was measured.
        figure: what was found.
        unit: of both.
        most: the figure may not exceed it; None where it is only reported.
    """

    name: str
    figure: float
    unit: str
    most: float | None = None

    @property
    def holds(self) -> bool:
        """True where the figure is within its bound."""
        return self.most is None or self.figure <= self.most

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "holds": self.holds}

    def line(self) -> str:
        """For the terminal."""
        verdict = "" if self.most is None else ("ok   " if self.holds else "SHORT")
        bound = "" if self.most is None else f"  at most {self.most:g}"
        return f"  {verdict:5} {self.name}: {self.figure:.4g} {self.unit}{bound}"
