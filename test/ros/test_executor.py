"""The executor of the processes: entities are asked for once, nothing is lost."""

from __future__ import annotations

import threading
import time

import pytest

pytestmark = pytest.mark.ros

N_MESSAGES = 50


@pytest.fixture
def counted():
    """A context, and an executor that counts how often it has collected its entities."""
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


def spin_until(executor, condition, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.05)
    assert condition()


def two_nodes(context):
    import rclpy

    return (
        rclpy.create_node("hears", context=context),
        rclpy.create_node("says", context=context, start_parameter_services=False),
    )


def test_every_message_is_heard_and_entities_are_collected_once(counted):
    from std_msgs.msg import UInt32

    context, executor = counted
    node, sender = two_nodes(context)
    executor.add_node(node)
    heard = []
    node.create_subscription(UInt32, "numbers", lambda told: heard.append(told.data), N_MESSAGES)
    publisher = sender.create_publisher(UInt32, "numbers", N_MESSAGES)
    spin_until(executor, publisher.get_subscription_count)

    def say():
        for number in range(N_MESSAGES):
            publisher.publish(UInt32(data=number))
            time.sleep(0.01)

    executor.rounds = 0
    thread = threading.Thread(target=say)
    thread.start()
    spin_until(executor, lambda: len(heard) == N_MESSAGES)
    thread.join()
    assert heard == list(range(N_MESSAGES))
    # rclpy's own executor collects them for each message and once more after it.
    assert executor.rounds < 0.2 * N_MESSAGES


def test_a_context_that_ends_while_entities_are_collected_ends_the_round(counted, monkeypatch):
    import rclpy
    from rclpy.executors import ExternalShutdownException

    context, executor = counted
    node, _ = two_nodes(context)
    executor.add_node(node)

    def nodes_and_end():
        rclpy.try_shutdown(context=context)
        return [node]

    monkeypatch.setattr(executor, "get_nodes", nodes_and_end)
    with pytest.raises(ExternalShutdownException):
        executor.spin_once(timeout_sec=0.05)


def test_services_timers_and_tasks_are_served_beside_messages(counted):
    from std_msgs.msg import UInt32
    from std_srvs.srv import Trigger

    context, executor = counted
    node, _ = two_nodes(context)
    executor.add_node(node)
    heard, ticks, done = [], [], []
    node.create_subscription(UInt32, "numbers", heard.append, 10)
    publisher = node.create_publisher(UInt32, "numbers", 10)
    node.create_timer(0.02, lambda: (ticks.append(1), publisher.publish(UInt32())))

    def answer(_request, response):
        response.success = True
        return response

    node.create_service(Trigger, "asked", answer)
    client = node.create_client(Trigger, "asked")
    spin_until(executor, client.service_is_ready)
    future = client.call_async(Trigger.Request())
    executor.create_task(done.append, "task")
    spin_until(executor, lambda: future.done() and len(ticks) > 5 and len(heard) > 3 and done)
    assert future.result().success


def test_what_comes_and_goes_while_it_spins_is_noticed(counted):
    from std_msgs.msg import UInt32

    context, executor = counted
    node, sender = two_nodes(context)
    publisher = sender.create_publisher(UInt32, "numbers", 10)
    executor.add_node(node)
    executor.spin_once(timeout_sec=0)
    heard = []
    subscription = node.create_subscription(UInt32, "numbers", heard.append, 10)
    spin_until(executor, publisher.get_subscription_count)
    publisher.publish(UInt32(data=1))
    spin_until(executor, lambda: len(heard) == 1)
    node.destroy_subscription(subscription)
    # It is gone for others, too: the executor has let go of it.
    spin_until(executor, lambda: not publisher.get_subscription_count())
    publisher.publish(UInt32(data=2))
    executor.spin_once(timeout_sec=0.1)
    assert len(heard) == 1


def test_the_end_of_the_context_ends_the_spinning(counted):
    import rclpy
    from rclpy.executors import ExternalShutdownException

    context, executor = counted
    node, _ = two_nodes(context)
    executor.add_node(node)
    threading.Timer(0.3, lambda: rclpy.try_shutdown(context=context)).start()
    with pytest.raises(ExternalShutdownException):
        for _ in range(100):
            executor.spin_once(timeout_sec=0.1)
