"""A node as a process: environment, executor, signals, exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import rclpy
from rclpy.signals import SignalHandlerOptions

from talking_portrait_ros.resources import keep_freed_memory
from talking_portrait_ros.ros.avatar_node import AvatarNode
from talking_portrait_ros.ros.executor import make_executor
from talking_portrait_ros.ros.keeper import keep
from talking_portrait_ros.ros.shared_memory import remove_dead_segments

HERE = Path(__file__).parent
LOCALHOST, SUBNET = HERE / "fastdds_localhost.xml", HERE / "fastdds_hosts.xml"
LOCALHOST_2, SUBNET_2 = HERE / "fastdds_2_localhost.xml", HERE / "fastdds.xml"
"""Fast DDS profiles for this host alone and for several hosts; the latter two of Fast DDS 2."""

WAKE_S = 0.1


def set_environment() -> None:
    """Settings that libraries read when they start; those that the user has made stay."""
    older = os.environ.get("ROS_DISTRO") in ("humble", "iron", "jazzy")
    profiles = "FASTRTPS_DEFAULT_PROFILES_FILE" if older else "FASTDDS_DEFAULT_PROFILES_FILE"
    reach = os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    narrow, wide = (LOCALHOST_2, SUBNET_2) if older else (LOCALHOST, SUBNET)
    os.environ.setdefault(profiles, str(narrow if reach == "LOCALHOST" else wide))
    # Fast DDS sends in a thread of its own: a process that is killed while it holds the lock of
    # shared memory lets those that send to it wait for a second, the screen among them.
    os.environ.setdefault("RMW_FASTRTPS_PUBLICATION_MODE", "ASYNCHRONOUS")
    # Idle threads of torch sleep: the nodes share few cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # OpenCV's threads make a picture no sooner where every core has a node to run.
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")


def run_node(build: Callable[[], AvatarNode[Any]], kinds: Sequence[str] = ()) -> int:
    """Run one node until Ctrl-C, SIGTERM or its own end; the exit code.

    A signal only sets a flag, so that the node finishes what it has open (recordings, devices)
    while its topics still work.

    Args:
        build: makes the node, once rclpy is ready.
        kinds: the stages that it will have; what they need is loaded once for all its lives.

    Returns:
        0 for every ordinary end, 2 where the node could not be made for a user's mistake or ends
        the process because it failed.
    """
    set_environment()
    keep_freed_memory()
    return keep(lambda: _live(build), kinds)


def _live(build: Callable[[], AvatarNode[Any]]) -> int:
    """As `run_node`, in the node's own process."""
    stopped: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda which, _frame: stopped.append(which))
    remove_dead_segments()  # those of the life before, if it was killed
    try:
        rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
        node = build()
    except Exception as error:
        sys.stderr.write(f"{' '.join(str(error).split())}\n")
        return 2
    executor = make_executor()
    executor.add_node(node)
    try:
        node.autostart()
        while not stopped and node.exit_code is None:
            executor.spin_once(timeout_sec=WAKE_S)
    finally:
        node.close()
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
    return node.exit_code or 0
