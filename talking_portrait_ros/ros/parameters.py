"""ROS parameters from `Config` dataclasses: one declaration, with description, range and unit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from talking_portrait_ros.config import Config

C = TypeVar("C", bound=Config)

INT_LIMIT = 2**31 - 1
FLOAT_LIMIT = 1e9


class ParameterSet(Generic[C]):
    """The fields of a config as parameters of a node; `config` holds their values.

    A change is checked by the config itself. While the node works (`may_change_all` is false)
    only fields that the config declares as live can change; others are rejected with the reason.
    """

    def __init__(
        self,
        node: Node,
        default: C,
        may_change_all: Callable[[], bool],
        prefix: str = "",
        on_change: Callable[[C], None] | None = None,
        admit: Callable[[C], None] = lambda config: None,
    ) -> None:
        """Declare the parameters and read what the user gave.

        Args:
            node: the node.
            default: values where the user gave none.
            may_change_all: True while fields that are not live may change.
            prefix: put before each name, for example "latents.".
            on_change: called with the new config after a change that was accepted.
            admit: called with the new config before; raises ValueError where it will not do.

        Raises:
            ValueError: a value that the config refuses.
        """
        self._node = node
        self._prefix = prefix
        self._may_change_all = may_change_all
        self._on_change = on_change
        self._admit = admit
        self._fields = {prefix + f.name: f for f in dataclasses.fields(default)}
        try:
            values = {name: self._declared(name, default) for name in self._fields}
            self.config: C = self._replaced(default, values)
        except Exception:
            self._undeclare_fields()  # so that the next try can declare them again
            raise
        node.add_on_set_parameters_callback(self._check)
        node.add_post_set_parameters_callback(self._apply)

    def undeclare(self) -> None:
        """Take the parameters away again."""
        self._node.remove_on_set_parameters_callback(self._check)
        self._node.remove_post_set_parameters_callback(self._apply)
        self._undeclare_fields()

    def _undeclare_fields(self) -> None:
        for name in self._fields:
            if self._node.has_parameter(name):
                self._node.undeclare_parameter(name)

    def _declared(self, name: str, default: C) -> Any:
        field = self._fields[name]
        value = getattr(default, field.name)
        value = list(value) if isinstance(value, tuple) else value
        return self._node.declare_parameter(name, value, descriptor(field, value)).value

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        ours = {p.name: p.value for p in parameters if p.name in self._fields}
        for name in ours:
            if not (self._fields[name].metadata.get("live") or self._may_change_all()):
                return SetParametersResult(
                    successful=False,
                    reason=f"{name} cannot change while the node works; deactivate and clean it "
                    "up, set it, configure it again",
                )
        try:
            wanted = self._replaced(self.config, ours)
            if ours:
                self._admit(wanted)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _apply(self, parameters: list[Parameter]) -> None:
        ours = {p.name: p.value for p in parameters if p.name in self._fields}
        if ours:
            self.config = self._replaced(self.config, ours)
            if self._on_change:
                self._on_change(self.config)

    def _replaced(self, config: C, values: dict[str, Any]) -> C:
        return config.replace(
            **{name.removeprefix(self._prefix): value for name, value in values.items()}
        )


def descriptor(field: dataclasses.Field[Any], value: Any) -> ParameterDescriptor:
    """What `ros2 param describe` shows of a config field."""
    rules = field.metadata
    unit = f" [{rules['unit']}]" if rules.get("unit") else ""
    choices = rules.get("choices")
    described = ParameterDescriptor(
        name=field.name,
        description=f"{rules.get('description', field.name)}{unit}",
        additional_constraints="" if choices is None else f"one of {', '.join(map(str, choices))}",
    )
    low, high = rules.get("minimum"), rules.get("maximum")
    if low is None and high is None:
        return described
    if isinstance(value, float):
        lowest = -FLOAT_LIMIT if low is None else float(low)
        highest = FLOAT_LIMIT if high is None else float(high)
        described.floating_point_range = [FloatingPointRange(from_value=lowest, to_value=highest)]
    else:
        lowest = -INT_LIMIT if low is None else int(low)
        highest = INT_LIMIT if high is None else int(high)
        described.integer_range = [IntegerRange(from_value=lowest, to_value=highest, step=1)]
    return described
