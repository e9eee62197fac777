"""Configuration dataclasses that describe themselves.

One declaration serves four readers: Python (a frozen dataclass), the checks below, the command
line and ROS parameter descriptors. Every config is a frozen dataclass that derives from `Config`
and declares its fields with `param`.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")


def param(
    default: T,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[Any, ...] | None = None,
    unit: str = "",
    live: bool = False,
) -> T:
    """Declare one field of a `Config`.

    Args:
        default: the value when nothing is said; its type is the field's type.
        description: what the field does, one sentence without the unit.
        minimum: smallest allowed number (inclusive).
        maximum: largest allowed number (inclusive).
        choices: the allowed values.
        unit: the unit of the number, e.g. "ms", "Hz".
        live: True where a running node may change it.
    """
    metadata = {
        "description": description,
        "minimum": minimum,
        "maximum": maximum,
        "choices": choices,
        "unit": unit,
        "live": live,
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Config:
    """A frozen dataclass whose fields are checked against their declared type and range."""

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value = _as_declared(getattr(self, field.name), hints[field.name])
            object.__setattr__(self, field.name, value)
            _check(type(self).__name__, field, value, hints[field.name])

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values (nested configs as dicts, tuples as lists)."""
        return cast("dict[str, Any]", _plain(self))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The config that `to_dict` described.

        Raises:
            ValueError: an unknown name, a wrong type or a value out of range; names the field.
        """
        hints = typing.get_type_hints(cls)
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(
                f"{cls.__name__}: unknown field {unknown[0]!r}; known fields: {', '.join(known)}"
            )
        return cls(**{name: _from_plain(value, hints[name]) for name, value in values.items()})

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, checked again."""
        return dataclasses.replace(self, **changes)


def _as_declared(value: Any, hint: Any) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return tuple(value) if isinstance(value, list) else value


def _check(owner: str, field: dataclasses.Field[Any], value: Any, hint: Any) -> None:
    where = f"{owner}.{field.name}={value!r}"
    expected = typing.get_origin(hint) or hint
    if expected in (int, float, str, bool) and (
        not isinstance(value, expected) or (expected is int and isinstance(value, bool))
    ):
        raise ValueError(f"{where}: expected {expected.__name__}, got {type(value).__name__}")
    rules = field.metadata
    unit = f" {rules['unit']}" if rules.get("unit") else ""
    choices = rules.get("choices")
    if choices is not None and value not in choices:
        raise ValueError(f"{where}: choose one of {', '.join(map(str, choices))}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where}: must be a finite number")
    low, high = rules.get("minimum"), rules.get("maximum")
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f"{'-inf' if low is None else low} to {'inf' if high is None else high}"
        raise ValueError(f"{where}: must be within {bounds}{unit}")


def _plain(value: Any) -> Any:
    if isinstance(value, Config):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _from_plain(value: Any, hint: Any) -> Any:
    candidates = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, Config):
            return candidate.from_dict(value) if isinstance(value, dict) else value
    return value
