"""Starting the live graph where launch_ros is absent: one process per node, kept by honcho.

The node processes get their parameters through a file each, so that any path or text is safe.
A process that dies is started anew. When one ends regularly or for a user's mistake, all end;
Ctrl-C, SIGTERM and a closed terminal end them all.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

from talking_portrait_ros.ros.keeper import KEEPER
from talking_portrait_ros.ros.shared_memory import remove_dead_segments

Layout = Literal["split", "fused"]
NODES: Mapping[str, tuple[str, ...]] = {
    "split": ("references", "screen", "frames", "latents", "features", "audio"),
    "fused": ("references", "screen", "fused", "audio"),
}
OPTIONAL = ("partner",)  # started where they are given parameters
INTERRUPTED = (130, 143)


@dataclass(frozen=True)
class Graph:
    """A graph to start.

    Attributes:
        layout: "split", one process per stage, or "fused", all stages in one.
        namespace: ROS namespace; one namespace is one avatar.
        parameters: ROS parameters per node name, on top of those that every node gets.
        common: ROS parameters that every node gets.
        respawn: start a process that dies anew; where not, its end is the end of all.
        only: the nodes to start; empty: all of the layout.
    """

    layout: Layout
    namespace: str = ""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    common: Mapping[str, Any] = field(default_factory=dict)
    respawn: bool = True
    only: tuple[str, ...] = ()

    @property
    def nodes(self) -> tuple[str, ...]:
        """The node processes, in the order in which they are started."""
        if self.only:
            return self.only
        optional = [name for name in OPTIONAL if name in self.parameters]
        return (*NODES[self.layout], *optional)

    def preset_of(self, node: str) -> str:
        """The preset that a node is told; empty for nodes without stages."""
        return str(self.parameters.get(node, {}).get("preset", ""))

    def command(self, node: str, folder: Path) -> str:
        """The shell command of one node; writes its parameter file into `folder`."""
        import yaml

        values = {**self.common, **self.parameters.get(node, {})}
        file = folder / f"{node}.yaml"
        file.write_text(yaml.safe_dump({"/**": {"ros__parameters": values}}))
        module = f"talking_portrait_ros.ros.nodes.{node}"
        words = [sys.executable, "-m", module, "--ros-args", "--params-file", str(file)]
        if self.namespace:
            words += ["-r", f"__ns:=/{self.namespace.strip('/')}"]
        return "exec " + shlex.join(words)


def require_ros() -> None:
    """Refuse to go on without ROS.

    Raises:
        ValueError: rclpy, the built messages or the supervisor are not there.
    """
    from importlib.util import find_spec

    for module in ("rclpy", "talking_portrait_ros.msg", "honcho", "yaml"):
        if find_spec(module) is None:
            raise ValueError(
                f"{module} cannot be imported; run `make setup`, then `source env.sh` "
                "(`talking-portrait render` works without ROS)"
            )


def run_graph(graph: Graph, output: TextIO | None = None) -> int:
    """Run `graph` until its sound ends, a node ends or somebody interrupts it.

    Args:
        graph: what to start.
        output: where the nodes' log lines go; the terminal's error stream where not given.

    Returns:
        0 after a regular end or an interruption, else the exit code of the node that ended.
    """
    require_ros()
    from honcho.manager import Manager

    from talking_portrait_ros.commands.supervision import NodePrinter, RespawningManager

    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    printer = NodePrinter(output or sys.stderr)
    manager = RespawningManager(printer) if graph.respawn else Manager(printer)
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="talking_portrait_") as folder:
        for node in graph.nodes:
            keeper = {KEEPER: graph.preset_of(node)} if graph.respawn else {}
            command = graph.command(node, Path(folder))
            manager.add_process(node, command, env={**environment, **keeper})
        manager.loop()
    remove_dead_segments()
    code = int(manager.returncode or 0)
    return 0 if code in INTERRUPTED else code
