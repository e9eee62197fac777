"""Starts one avatar: `ros2 launch talking_portrait_ros portrait.launch.py --show-args`."""

from pathlib import Path

from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from talking_portrait_ros.presets import DEFAULT_PRESET, PRESETS

PACKAGE = "talking_portrait_ros"
CONFIG = Path(__file__).resolve().parent.parent / "config" / "portrait.yaml"
RESPAWN_S = 0.5  # time for a regular end to reach all nodes before one is taken for dead
REGULAR_ENDS = (0, 2)
STAGES = {"split": ("features", "latents", "frames"), "fused": ("fused",)}

ARGUMENTS = (
    DeclareLaunchArgument(
        "portrait", default_value="avatar",
        description="picture of the person, or 'avatar'; several: separated by commas",
    ),
    DeclareLaunchArgument(
        "source", default_value="topic", choices=["topic", "file", "mic", "say"],
        description="where the sound comes from; topic: audio_in and say",
    ),
    DeclareLaunchArgument("file", default_value="", description="sound file, for source:=file"),
    DeclareLaunchArgument(
        "mic", default_value="",
        description="number or part of the name of the microphone; empty: the default one",
    ),
    DeclareLaunchArgument("say", default_value="", description="text, for source:=say"),
    DeclareLaunchArgument(
        "partner", default_value="topic", choices=["topic", "file", "mic"],
        description="where the sound of the person in front comes from; topic: partner_audio",
    ),
    DeclareLaunchArgument(
        "partner_file", default_value="", description="sound file, for partner:=file"
    ),
    DeclareLaunchArgument(
        "partner_mic", default_value="", description="microphone, for partner:=mic; as mic"
    ),
    DeclareLaunchArgument(
        "exit_at_end", default_value="false", choices=["true", "false"],
        description="end everything after the file or the text",
    ),
    DeclareLaunchArgument(
        "preset", default_value=DEFAULT_PRESET, choices=list(PRESETS),
        description="the pipeline to use",
    ),
    DeclareLaunchArgument(
        "latents", default_value="",
        description="recording of video latents, for a preset that replays one",
    ),
    DeclareLaunchArgument(
        "layout", default_value="split", choices=list(STAGES),
        description="split: one process per stage; fused: all stages in one process",
    ),
    DeclareLaunchArgument(
        "screen", default_value="window", description="window, file:PATH or none"
    ),
    DeclareLaunchArgument(
        "device", default_value="cpu", description="torch device: cpu, cuda, cuda:1, ..."
    ),
    DeclareLaunchArgument(
        "fast", default_value="false", choices=["true", "false"],
        description="on a GPU: bfloat16 and CUDA graphs",
    ),
    DeclareLaunchArgument(
        "namespace", default_value="", description="one namespace is one avatar"
    ),
    DeclareLaunchArgument(
        "config", default_value=str(CONFIG), description="ROS parameter file for all nodes"
    ),
)  # fmt: skip


def generate_launch_description() -> LaunchDescription:
    """The arguments, and the nodes that they ask for."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=nodes)])


def nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """All nodes of one avatar. One that dies is started anew; when the screen ends, all end."""
    given = {argument.name: LaunchConfiguration(argument.name).perform(context)
             for argument in ARGUMENTS}  # fmt: skip
    stage = {
        "preset": given["preset"],
        "device": given["device"],
        "fast": given["fast"] == "true",
    }
    if given["latents"]:
        stage["latents.file"] = given["latents"]
    parameters = {
        "references": {"portraits": given["portrait"].split(",")},
        **dict.fromkeys(STAGES[given["layout"]], stage),
        "screen": {"output": given["screen"]},
        "audio": {
            "source": given["source"],
            "file": given["file"],
            "device": given["mic"],
            "text": given["say"],
            "exit_at_end": given["exit_at_end"] == "true",
        },
    }
    if given["partner"] != "topic":
        parameters["partner"] = {
            "source": given["partner"],
            "file": given["partner_file"],
            "device": given["partner_mic"],
        }
    return [
        LifecycleNode(
            package=PACKAGE,
            executable=name,
            name=name,
            namespace=given["namespace"],
            parameters=[given["config"], values],
            output="screen",
            respawn=True,
            respawn_delay=RESPAWN_S,
            on_exit=OpaqueFunction(function=end) if name == "screen" else None,
        )
        for name, values in parameters.items()
    ]


def end(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The screen has ended: so does the rest, unless it does already or the screen has died."""
    died = context.locals.event.returncode not in REGULAR_ENDS
    return [] if died or context.is_shutdown else [Shutdown(reason="the screen has ended")]
