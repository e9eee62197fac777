"""Nodes in this process for tests, spun in the background."""

from __future__ import annotations

import time
from contextlib import suppress
from threading import Event, Thread

import rclpy
from rclpy.executors import ExternalShutdownException


class Graph:
    """Nodes in one executor, and a probe that hears, speaks and calls services."""

    def __init__(self):
        from talking_portrait_ros.ros.executor import make_executor

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

    def remove(self, *nodes):
        """Close nodes and destroy them, in the executor's thread: it must not be using them."""
        gone = Event()

        def destroy():
            for node in nodes:
                node.close()
                self._executor.remove_node(node)
                node.destroy_node()
                self._nodes.remove(node)
            gone.set()

        self._executor.create_task(destroy)
        assert gone.wait(20)

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
        self._executor.shutdown()
        for node in self._nodes:
            node.destroy_node()

    def _spin(self):
        with suppress(ExternalShutdownException):
            self._executor.spin()


def heard_frames(graph):
    """All frames that come, in a list of FrameChunks."""
    from sensor_msgs.msg import Image

    from talking_portrait_ros import msg
    from talking_portrait_ros.ros import qos
    from talking_portrait_ros.ros.frame_pairs import FramePairs

    frames, pairs = [], FramePairs()

    def keep(frame):
        if frame is not None:
            frames.append(frame)

    graph.probe.create_subscription(
        msg.FrameInfo, "frames/info", lambda m: keep(pairs.add_info(m)), qos.STREAM
    )
    graph.probe.create_subscription(
        Image, "frames", lambda m: keep(pairs.add_image(m)), qos.STREAM
    )
    return frames


def wait_for(condition, timeout_s=20.0):
    """Wait until `condition()` holds."""
    limit = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.01)
