"""The executor of the processes: no round too many, nothing lost."""

from __future__ import annotations

import threading
import time

import pytest

pytestmark = pytest.mark.ros

N_MESSAGES = 50


@pytest.fixture
def counted():
    """A context, and an executor that counts how often it has asked its entities."""
    import rclpy

    from talking_portrait_ros.ros.executor import LeanExecutor

    class Counted(LeanExecutor):
        rounds = 0

        def get_nodes(self):
            self.rounds += 1
            return super().get_nodes()

    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    executor = Counted(context=context)
    yield context, executor
    executor.shutdown()
    rclpy.try_shutdown(context=context)


def test_every_message_is_heard_in_one_round(counted):
    import rclpy
    from std_msgs.msg import UInt32

    context, executor = counted
    node = rclpy.create_node("hears", context=context)
    sender = rclpy.create_node("says", context=context, start_parameter_services=False)
    executor.add_node(node)
    heard = []
    node.create_subscription(UInt32, "numbers", lambda told: heard.append(told.data), N_MESSAGES)
    publisher = sender.create_publisher(UInt32, "numbers", N_MESSAGES)
    deadline = time.monotonic() + 10
    while not publisher.get_subscription_count() and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.05)

    def say():
        for number in range(N_MESSAGES):
            publisher.publish(UInt32(data=number))
            time.sleep(0.01)

    executor.rounds = 0
    thread = threading.Thread(target=say)
    thread.start()
    while len(heard) < N_MESSAGES and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.05)
    thread.join()
    assert heard == list(range(N_MESSAGES))
    # rclpy's own executor is woken by its guard condition after each of them.
    assert executor.rounds < 1.2 * N_MESSAGES
