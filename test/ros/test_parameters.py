from __future__ import annotations

from dataclasses import dataclass

import pytest

pytest.importorskip("rclpy")

import rclpy
from rclpy.parameter import Parameter

from talking_portrait_ros.config import Config, param
from talking_portrait_ros.ros.nodes.audio import AudioNode
from talking_portrait_ros.ros.nodes.references import ReferencesNode
from talking_portrait_ros.ros.nodes.screen import ScreenNode, ScreenParameters
from talking_portrait_ros.ros.parameters import ParameterSet
from talking_portrait_ros.ros.stage_node import StageNode

pytestmark = pytest.mark.ros


@dataclass(frozen=True)
class Settings(Config):
    gain: float = param(1.0, "how loud", minimum=0.0, maximum=2.0, unit="x", live=True)
    rate: int = param(25, "how often", minimum=1, maximum=50, unit="Hz")
    colour: str = param("red", "which", choices=("red", "blue"), live=True)


@pytest.fixture
def node(domain):
    rclpy.init(args=["--ros-args", "-p", "x.rate:=30"])
    made = rclpy.create_node("settings")
    yield made
    rclpy.try_shutdown()


def declared(node, may_change_all=False, **kwargs):
    return ParameterSet(node, Settings(), lambda: may_change_all, prefix="x.", **kwargs)


def test_command_line_comes_before_the_default(node):
    assert declared(node).config == Settings(rate=30)


def test_value_that_is_refused_leaves_nothing_declared(node):
    @dataclass(frozen=True)
    class Strict(Config):
        gain: float = param(1.0, "how loud")
        rate: int = param(25, "how often", choices=(25, 50))

    for _ in range(2):
        with pytest.raises(ValueError, match=r"Strict.rate=30: choose one of 25, 50"):
            ParameterSet(node, Strict(), lambda: True, prefix="x.")
    assert not node.has_parameter("x.gain")


def test_rows_of_numbers_stay_rows_of_numbers(domain):
    @dataclass(frozen=True)
    class Layers(Config):
        widths: tuple[int, ...] = param((8, 16), "channels")
        depths: tuple[int, ...] = param((1, 2), "blocks")

    rclpy.init(args=["--ros-args", "-p", "widths:=[32, 64]"])
    config = ParameterSet(rclpy.create_node("layers"), Layers(), lambda: True).config
    rclpy.try_shutdown()
    assert config == Layers(widths=(32, 64), depths=(1, 2))
    assert Layers.from_dict(config.to_dict()) == config


def test_parameters_are_described_with_unit_range_and_choices(node):
    declared(node)
    gain, colour = (node.describe_parameter(f"x.{name}") for name in ("gain", "colour"))
    assert gain.description == "how loud [x]"
    span = gain.floating_point_range[0]
    assert (span.from_value, span.to_value) == (0, 2)
    assert colour.additional_constraints == "one of red, blue"


def changed(node, name, value):
    return node.set_parameters([Parameter(f"x.{name}", value=value)])[0]


def test_live_parameter_changes_and_tells(node):
    told = []
    settings = declared(node, on_change=told.append)
    assert changed(node, "gain", 0.5).successful
    assert (settings.config.gain, told[0].gain) == (0.5, 0.5)


def test_other_parameters_are_rejected_with_the_reason_while_the_node_works(node):
    settings = declared(node)
    result = changed(node, "rate", 10)
    assert not result.successful
    assert "x.rate cannot change while the node works" in result.reason
    assert settings.config.rate == 30


def test_all_parameters_change_while_the_node_rests(node):
    settings = declared(node, may_change_all=True)
    assert changed(node, "rate", 10).successful
    assert settings.config.rate == 10


@pytest.mark.parametrize(("name", "value"), [("gain", 2.5), ("colour", "green")])
def test_values_out_of_range_are_rejected_with_the_reason(node, name, value):
    settings = declared(node)
    result = changed(node, name, value)
    assert not result.successful
    assert result.reason
    assert getattr(settings.config, name) == getattr(Settings(), name)


def test_undeclared_parameters_can_be_declared_again(node):
    declared(node).undeclare()
    assert declared(node).config.rate == 30


def test_every_parameter_of_every_node_is_described(domain):
    rclpy.init(args=[])
    try:
        nodes = [AudioNode(), ScreenNode(), ReferencesNode(), StageNode("frames", ["frames"])]
        for made in nodes:
            for name in made.parameters._fields:
                assert made.describe_parameter(name).description, (made.get_name(), name)
    finally:
        rclpy.try_shutdown()


def test_topics_are_relative_so_that_a_namespace_is_an_avatar(domain):
    rclpy.init(args=["--ros-args", "-r", "__ns:=/left"])
    try:
        for made in (AudioNode(), ReferencesNode()):
            made.trigger_configure()
            names = dict(made.get_publisher_names_and_types_by_node(made.get_name(), "/left"))
            ours = set(names) - {"/diagnostics", "/rosout", "/parameter_events"}
            assert ours
            assert all(name.startswith("/left/") for name in ours), ours
            made.close()
    finally:
        rclpy.try_shutdown()


def test_delays_of_the_screen_allow_for_those_of_the_pipeline():
    screen = ScreenParameters(max_delay_ms=500.0)
    for timing in (screen.timing(660.0), screen.replace(algorithmic_ms=660.0).timing(60.0)):
        assert (timing.min_delay_ms, timing.max_delay_ms) == (660, 1460)
    longest = ScreenParameters(max_delay_ms=15_000.0).timing(40_000.0)
    assert (longest.min_delay_ms, longest.max_delay_ms) == (5000, 15_000)
