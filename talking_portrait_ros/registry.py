"""How a stage family introduces itself, and how the visible tables find it.

A family is a folder that exports `FAMILY`. `features/__init__.py`, `latents/__init__.py` and
`frames/__init__.py` each hold a table from family name to module; packages outside this one add
theirs through entry points of the group `talking_portrait_ros.<kind>`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from talking_portrait_ros.config import Config
from talking_portrait_ros.stage import Stage


@dataclass(frozen=True)
class Family:
    """One interchangeable implementation of a stage.

    Attributes:
        config: its config class.
        build: makes the stage from a config on a device ("cpu", "cuda", "cuda:1").
        tiny: the config that the contract suite runs, small and on a CPU.
    """

    config: type[Config]
    build: Callable[[Any, str], Stage[Any, Any, Any]]
    tiny: Config


def load_family(kind: str, table: Mapping[str, str], name: str) -> Family:
    """The family `name` of a `kind` ("features", "latents", "frames").

    Raises:
        ValueError: no such family; lists the ones there are.
    """
    outside = {point.name: point for point in entry_points(group=f"talking_portrait_ros.{kind}")}
    if name in table:
        family = import_module(table[name]).FAMILY
    elif name in outside:
        family = outside[name].load()
    else:
        raise ValueError(
            f"{kind} family {name!r} does not exist; there are: "
            f"{', '.join(sorted({*table, *outside}))}"
        )
    if not isinstance(family, Family):
        raise ValueError(f"{kind} family {name!r}: FAMILY is {type(family).__name__}, not Family")
    return family


def family_names(kind: str, table: Mapping[str, str]) -> list[str]:
    """All families of a kind, those of other packages included."""
    return sorted({*table, *entry_points(group=f"talking_portrait_ros.{kind}").names})
