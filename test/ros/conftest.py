"""Real rclpy on a real DDS. Every test has a ROS domain of its own and stays on this host."""

from __future__ import annotations

import itertools
import os
import time
from threading import Thread

import pytest

try:
    import rclpy

    from talking_portrait_ros.msg import TensorData  # noqa: F401
except ImportError as error:
    collect_ignore_glob = ["test_*.py"]
    REASON = f"{error}; run `make setup`, then `source env.sh`"
else:
    REASON = ""

_domains = itertools.count(os.getpid() % 80)


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
    made = Graph()
    yield made
    made.close()


class Graph:
    """Nodes in one executor, and a probe that hears, speaks and calls services."""

    def __init__(self):
        from talking_portrait_ros.ros.process import make_executor

        rclpy.init(args=[])
        self.probe = rclpy.create_node("probe")
        self.heard = {}
        self._nodes = [self.probe]
        self._executor = make_executor()
        self._executor.add_node(self.probe)
        self._thread = Thread(target=self._spin, daemon=True)
        self._started = False

    def add(self, node, start=True):
        """Add one of our nodes, active unless told otherwise."""
        self._nodes.append(node)
        self._executor.add_node(node)
        if start:
            node.autostart()
        return node

    def hear(self, kind, topic, profile):
        """Collect a topic's messages in a list."""
        self.heard[topic] = []
        self.probe.create_subscription(kind, topic, self.heard[topic].append, profile)
        return self.heard[topic]

    def speak(self, kind, topic, profile, n_listeners=1):
        """A publisher that its listeners have found."""
        publisher = self.probe.create_publisher(kind, topic, profile)
        self.spin()
        wait_for(lambda: publisher.get_subscription_count() >= n_listeners)
        return publisher

    def call(self, kind, name, request):
        """A service's answer."""
        client = self.probe.create_client(kind, name)
        self.spin()
        assert client.wait_for_service(10)
        future = client.call_async(request)
        wait_for(future.done)
        return future.result()

    def spin(self):
        """Begin to spin, once."""
        if not self._started:
            self._started = True
            self._thread.start()

    def close(self):
        for node in self._nodes[1:]:
            node.close()
        rclpy.try_shutdown()
        if self._started:
            self._thread.join(5)

    def _spin(self):
        try:
            self._executor.spin()
        except rclpy.executors.ExternalShutdownException:
            pass


def wait_for(condition, timeout_s=20.0):
    """Wait until `condition()` holds."""
    limit = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.01)
