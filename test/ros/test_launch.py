"""The launch file, wherever launch_ros is."""

from __future__ import annotations

import asyncio
import runpy
from pathlib import Path

import pytest

pytest.importorskip("launch_ros", reason="launch_ros is not among the ROS wheels")

from helpers.ros_graph import wait_for
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

from launch import LaunchContext, LaunchDescription, LaunchService
from talking_portrait_ros import msg
from talking_portrait_ros.ros import qos

pytestmark = pytest.mark.ros

FILE = str(Path(__file__).parents[2] / "launch" / "portrait.launch.py")


def described():
    return PythonLaunchDescriptionSource(FILE).get_launch_description(LaunchContext())


def included(**arguments):
    source = PythonLaunchDescriptionSource(FILE)
    return IncludeLaunchDescription(source, launch_arguments=arguments.items())


def test_every_argument_is_described():
    found = [e for e in described().entities if isinstance(e, DeclareLaunchArgument)]
    assert len(found) >= 10
    assert all(argument.description for argument in found)


@pytest.mark.parametrize(
    ("name", "value"), [("layout", "both"), ("preset", "rig_9"), ("source", "radio")]
)
def test_value_that_does_not_exist_is_refused(domain, name, value):
    service = LaunchService()
    service.include_launch_description(LaunchDescription([included(**{name: value})]))
    assert service.run() != 0


@pytest.mark.parametrize(("partner", "n_nodes"), [("topic", 6), ("mic", 7)])
def test_the_partner_has_a_node_where_its_sound_is_captured(partner, n_nodes):
    module = runpy.run_path(FILE)
    context = LaunchContext()
    for argument in module["ARGUMENTS"]:
        argument.execute(context)
    context.launch_configurations["partner"] = partner
    names = [node.node_executable for node in module["nodes"](context)]
    assert len(names) == n_nodes
    assert ("partner" in names) == (partner == "mic")


def test_two_avatars_run_side_by_side_and_end_well(domain, graph):
    service = LaunchService(noninteractive=True)
    both = [
        included(namespace=name, screen="none", layout=layout, preset="rig_256")
        for name, layout in (("left", "split"), ("right", "fused"))
    ]
    service.include_launch_description(LaunchDescription(both))
    shown = {
        name: graph.hear(msg.FrameTiming, f"/{name}/screen/timing", qos.STREAM)
        for name in ("left", "right")
    }
    graph.spin()

    async def watch():
        running = asyncio.ensure_future(service.run_async())
        for _ in range(1200):
            if all(len(timings) > 10 for timings in shown.values()) or running.done():
                break
            await asyncio.sleep(0.1)
        await service.shutdown()
        return await running

    code = asyncio.new_event_loop().run_until_complete(watch())
    assert code == 0
    assert all(len(timings) > 10 for timings in shown.values())
    wait_for(lambda: not graph.probe.count_publishers("/left/frames"))
