"""`talking-portrait record`: what crosses the boundaries of a running avatar, to a folder."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from talking_portrait_ros.commands.graph import Graph, require_ros, run_graph
from talking_portrait_ros.commands.options import namespace_option
from talking_portrait_ros.commands.run import check_namespace
from talking_portrait_ros.ros.boundaries import BOUNDARIES


def require_rosbags() -> None:
    """Refuse to go on without the library that knows the format.

    Raises:
        ValueError: it is not there.
    """
    from importlib.util import find_spec

    if find_spec("rosbags") is None:
        raise ValueError("rosbags cannot be imported; run `make setup`, or pip install rosbags")


@click.command()
@click.option(
    "--boundary",
    "boundaries",
    multiple=True,
    type=click.Choice([*BOUNDARIES]),
    required=True,
    help="What to record; several times for several. Sound and portrait are always with it.",
)
@click.option("--output", required=True, metavar="DIR", help="Folder to make, as rosbag2 does.")
@click.option(
    "--seconds",
    default=0.0,
    type=click.FloatRange(0, 86_400),
    help="How long to record; otherwise until Ctrl-C.",
)
@namespace_option()
def record(boundaries: tuple[str, ...], output: str, seconds: float, namespace: str) -> None:
    """Record a running avatar, so that `replay` can make the same pictures of it again.

    The avatar is flushed first: what it is saying is cut, and every stage begins anew, so that a
    replay can begin alike.
    """
    from talking_portrait_ros.ros.boundaries import topics_of

    check_namespace(namespace)
    topics_of(boundaries)
    require_ros()
    require_rosbags()
    from talking_portrait_ros.ros.bag import check_new_folder

    path = check_new_folder(output)
    parameters = {
        "boundaries": list(boundaries), "output": str(path.resolve()), "seconds": seconds,
    }  # fmt: skip
    graph = Graph(
        "split", namespace, {"recorder": parameters}, {"exit_on_failure": True},
        respawn=False, only=("recorder",),
    )  # fmt: skip
    code = run_graph(graph)
    if not Path(path, "metadata.yaml").is_file() and not code:
        raise ValueError(
            f"output={output!r}: it ended before the avatar was heard; nothing is there"
        )
    sys.exit(code)
