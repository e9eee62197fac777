"""Publishers that hold up no other thread."""

from __future__ import annotations

import ctypes
import threading
import time

import pytest

pytest.importorskip("rclpy")

from helpers.ros_graph import wait_for

pytestmark = pytest.mark.ros

HELD_S = 0.4


def test_messages_arrive_as_they_were_sent(graph):
    from std_msgs.msg import String

    from talking_portrait_ros.ros.free_publisher import FreePublisher

    heard = graph.hear(String, "words", 10)
    publisher = FreePublisher(graph.probe.create_publisher(String, "words", 10))
    graph.spin()
    wait_for(publisher.get_subscription_count)
    for words in ("", "two words", "x" * 100_000):
        publisher.publish(String(data=words))
    wait_for(lambda: len(heard) == 3)
    assert [message.data for message in heard] == ["", "two words", "x" * 100_000]


def test_other_threads_run_while_it_sends(graph, monkeypatch):
    from std_msgs.msg import String

    from talking_portrait_ros.ros import free_publisher

    libc = ctypes.CDLL(None)  # a send that takes long, in C, as one that waits for a lock

    def waits(*_args):
        return libc.usleep(int(HELD_S * 1e6))

    monkeypatch.setattr(free_publisher, "_send", lambda: waits)
    publisher = free_publisher.FreePublisher(graph.probe.create_publisher(String, "words", 10))
    sender = threading.Thread(target=publisher.publish, args=(String(data="held"),))
    sender.start()
    turns = 0
    while sender.is_alive():
        turns += 1
        time.sleep(0.001)
    assert turns > 10  # one, where Python's lock is kept


def test_what_cannot_be_sent_is_told(graph, monkeypatch):
    from std_msgs.msg import String

    from talking_portrait_ros.ros import free_publisher

    monkeypatch.setattr(free_publisher, "_send", lambda: lambda *_args: 300)
    publisher = free_publisher.FreePublisher(graph.probe.create_publisher(String, "words", 10))
    with pytest.raises(RuntimeError, match="words: a message of .* was not sent .*300"):
        publisher.publish(String(data="lost"))
