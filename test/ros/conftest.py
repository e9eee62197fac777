"""Real rclpy on a real DDS. Every test has a ROS domain of its own and stays on this host."""

from __future__ import annotations

import itertools
import os

import pytest

try:
    import rclpy  # noqa: F401
    from talking_portrait_ros.msg import TensorData  # noqa: F401
except ImportError as error:
    collect_ignore_glob = ["test_*.py"]
    REASON = f"{error}; run `make setup`, then `source env.sh`"
else:
    REASON = ""

_domains = itertools.count(os.getpid() % 80 + 1)  # the one before is that of a live avatar


def pytest_report_header(config):
    return f"ROS tests are left out: {REASON}" if REASON else None


@pytest.fixture
def domain(monkeypatch):
    """A domain of the test's own, for this process and those that it starts."""
    number = 10 + next(_domains) % 80
    monkeypatch.setenv("ROS_DOMAIN_ID", str(number))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    return number


@pytest.fixture
def graph(domain):
    """Nodes of this process, spun in the background."""
    from helpers.ros_graph import Graph

    made = Graph()
    yield made
    made.close()
