"""Messages that the middleware does not take at once."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy")

from helpers.ros_graph import wait_for
from rclpy.exceptions import InvalidHandle
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.publisher import Publisher

from talking_portrait_ros import msg
from talking_portrait_ros.ros import patient_publisher, qos
from talking_portrait_ros.ros.nodes.audio import AudioNode
from talking_portrait_ros.ros.patient_publisher import PatientPublisher

pytestmark = pytest.mark.ros

REFUSED = rclpy_implementation.RCLError("Failed to publish: cannot publish data")


class Refusing:
    """A publisher that refuses some messages first."""

    def __init__(self, n_refused, error=REFUSED):
        self.n_refused, self.error, self.sent = n_refused, error, []

    def publish(self, message):
        if self.n_refused:
            self.n_refused -= 1
            raise self.error
        self.sent.append(message)


def test_a_message_that_is_refused_is_tried_again():
    lost, publisher = [], Refusing(3)
    for message in ("one", "two"):
        PatientPublisher(publisher, lost.append).publish(message)
    assert (publisher.sent, lost) == (["one", "two"], [])


def test_a_message_that_is_refused_for_too_long_is_given_up_and_told(monkeypatch):
    monkeypatch.setattr(patient_publisher, "PATIENCE_S", 0.05)
    lost, publisher = [], Refusing(10**9)
    PatientPublisher(publisher, lost.append).publish("lost")
    assert lost == [REFUSED]
    publisher.n_refused = 0
    PatientPublisher(publisher, lost.append).publish("next")
    assert publisher.sent == ["next"]


def test_a_publisher_that_is_being_destroyed_is_not_asked_again():
    publisher = Refusing(2, InvalidHandle("gone"))
    with pytest.raises(InvalidHandle):
        PatientPublisher(publisher, lambda error: None).publish("late")
    assert publisher.n_refused == 1


@pytest.mark.parametrize(("patience_s", "n_unsent"), [(1.5, 0), (0.0, 3)])
def test_the_clock_of_the_sound_goes_on(graph, monkeypatch, patience_s, n_unsent):
    monkeypatch.setattr(patient_publisher, "PATIENCE_S", patience_s)
    take, refused = Publisher.publish, []

    def refuse_three(publisher, message):
        if publisher.topic_name == "/audio" and len(refused) < 3:
            refused.append(message.first_sample)
            raise REFUSED
        take(publisher, message)

    heard = graph.hear(msg.AudioChunk, "audio", qos.STREAM)
    monkeypatch.setattr(Publisher, "publish", refuse_three)
    node = graph.add(AudioNode())
    node._held.release()
    graph.spin()
    wait_for(lambda: len(heard) > 20)
    assert len(refused) == 3
    assert node.counts["unsent"] == n_unsent
    assert node.counts["errors"] == 0
    positions = [message.first_sample for message in heard]
    assert positions == list(range(positions[0], positions[0] + 320 * len(positions), 320))
    assert (refused[0] in positions) == (n_unsent == 0)
