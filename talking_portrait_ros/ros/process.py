"""A node as a process: executor, signals, exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor

from talking_portrait_ros.ros.avatar_node import AvatarNode


PROFILES = Path(__file__).with_name("fastdds.xml")


ENVIRONMENT = {
    # Room for pictures in shared memory; the name that Fast DDS 3 reads, and that of Fast DDS 2.
    "FASTDDS_DEFAULT_PROFILES_FILE": str(PROFILES),
    "FASTRTPS_DEFAULT_PROFILES_FILE": str(PROFILES),
    # Idle threads of torch sleep: the nodes share few cores.
    "OMP_WAIT_POLICY": "PASSIVE",
}


def set_environment() -> None:
    """Settings that libraries read when they start; those that the user has made stay."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def make_executor() -> Executor:
    """The executor of every process.

    Not rclpy's EventsExecutor: that of rclpy 9.1.2 delivered 0 of 4500 messages between two
    processes and kept a core busy, where this one delivered all for 0.2 ms of CPU each.
    """
    return SingleThreadedExecutor()


def run_node(build: Callable[[], AvatarNode[Any]]) -> int:
    """Run one node until Ctrl-C, SIGTERM or its own shutdown; the exit code.

    Args:
        build: makes the node, once rclpy is ready.

    Returns:
        0 for every ordinary end, 2 where the node could not be made for a user's mistake.
    """
    node: AvatarNode[Any] | None = None
    try:
        set_environment()
        rclpy.init(args=sys.argv)
        node = build()
        executor = make_executor()
        executor.add_node(node)
        node.autostart()
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception as error:
        if rclpy.ok() or node is None:
            sys.stderr.write(f"{' '.join(str(error).split())}\n")
            return 2
    finally:
        if node is not None:
            node.close()
        rclpy.try_shutdown()
    return 0
