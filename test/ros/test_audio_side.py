"""When the clock of a file or a text starts."""

from __future__ import annotations

import time

import numpy as np
import pytest
from helpers.ros_graph import wait_for
from scipy.io import wavfile

pytest.importorskip("rclpy")

import rclpy
from sensor_msgs.msg import Image

from talking_portrait_ros import msg
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.nodes.audio import AudioNode, AudioParameters

pytestmark = pytest.mark.ros


@pytest.fixture
def speaking(graph, tmp_path):
    """A graph with a drawn and shown face and an audio node that will read a file; its sound."""
    wavfile.write(tmp_path / "tone.wav", 16_000, np.full(16_000, 0.5, np.float32))
    graph.hear(Image, "frames", qos.FRAMES)
    graph.probe.create_publisher(Image, "frames", qos.FRAMES)
    heard = graph.hear(msg.AudioChunk, "audio", qos.STREAM)

    def start():
        graph.add(AudioNode(AudioParameters(source="file", file=str(tmp_path / "tone.wav"))))
        graph.spin()
        return heard

    return start


@pytest.mark.parametrize(
    ("topic", "kind"), [("features", msg.FeatureChunk), ("latents", msg.LatentBlock)]
)
def test_the_clock_waits_for_a_stage_that_another_one_waits_for(graph, speaking, topic, kind):
    graph.hear(kind, topic, qos.STREAM)
    heard = speaking()
    time.sleep(1.0)
    assert not heard
    graph.probe.create_publisher(kind, topic, qos.STREAM)
    wait_for(lambda: heard)


def test_a_screen_that_hears_features_nobody_makes_does_not_hold_it_up(graph, speaking):
    screen = rclpy.create_node("screen")
    screen.create_subscription(msg.FeatureChunk, "features", lambda _: None, qos.STREAM)
    heard = speaking()
    wait_for(lambda: heard)
    screen.destroy_node()
