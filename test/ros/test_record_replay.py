"""A recording of any boundary, sent again, makes the same pictures, bit by bit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from helpers.ros_graph import wait_for
from helpers.tiny_stages import STAGES, Jaw

pytest.importorskip("rclpy")
pytest.importorskip("rosbags")

from rosbags.rosbag2 import Reader

from talking_portrait_ros import msg
from talking_portrait_ros.chunks import AudioChunk, Header
from talking_portrait_ros.ros import conversions as convert
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.bag import Bag, our_types
from talking_portrait_ros.ros.boundaries import nodes_after
from talking_portrait_ros.ros.nodes.audio import AudioNode, AudioParameters
from talking_portrait_ros.ros.nodes.recorder import RecorderNode, RecorderParameters
from talking_portrait_ros.ros.nodes.references import ReferencesNode
from talking_portrait_ros.ros.nodes.replayer import ReplayerNode, ReplayerParameters
from talking_portrait_ros.ros.picture_digests import recorded_digests
from talking_portrait_ros.ros.stage_node import StageNode, StageParameters

pytestmark = pytest.mark.ros

RATE_HZ = 16_000
KINDS = ("features", "latents", "frames")


class TinyNode(StageNode):
    """One tiny stage; `frames` shows what the sound was and when the state of `latents` began."""

    def __init__(self, kind, stage=None):
        super().__init__(kind, [kind], StageParameters(degrade=False, max_queue=1000))
        self._stage = stage or STAGES[kind]

    def build_stages(self):
        return [(kind, self._stage()) for kind in self._kinds]


class OtherJaw(Jaw):
    """Another seed, as it were."""

    def step(self, chunk, state):
        blocks = super().step(chunk, state)
        for block in blocks:
            block.values[:, 0] += 1
        return blocks


def noise(seconds, seed=3):
    chance = np.random.default_rng(seed)
    loudness = np.repeat(chance.uniform(0, 0.9, int(seconds * 5)), RATE_HZ // 5)
    return (loudness * chance.standard_normal(len(loudness))).clip(-1, 1).astype(np.float32)


def recorded(graph, folder):
    """A recording of all boundaries of an avatar that speaks; its nodes are gone then."""
    nodes = [graph.add(TinyNode(kind)) for kind in KINDS]
    nodes += [graph.add(ReferencesNode()), graph.add(AudioNode(AudioParameters(source="topic")))]
    talk = graph.speak(msg.AudioChunk, "audio_in", qos.PUSHED)
    boundaries = ("audio", *KINDS)
    recorder = graph.add(RecorderNode(RecorderParameters(boundaries=boundaries, output=folder)))
    wait_for(lambda: recorder._first_epoch)
    talk.publish(convert.audio_to_msg(AudioChunk(Header(), noise(1.6), RATE_HZ, 0)))
    wait_for(lambda: recorder._bag.n_messages["frames"] > 40)
    graph.remove(*nodes, recorder)
    return Bag(folder)


def replayed(graph, bag, boundary, report, jaw=None):
    """What a replay into fresh nodes finds."""
    nodes = [
        graph.add(TinyNode(kind, jaw if kind == "latents" else None))
        for kind in nodes_after(boundary)
    ]
    parameters = ReplayerParameters(recording=str(bag.path), boundary=boundary, report=str(report))
    replayer = graph.add(ReplayerNode(parameters))
    wait_for(lambda: replayer.exit_code is not None, 60)
    assert replayer.exit_code == 0
    graph.remove(*nodes, replayer)
    return json.loads(report.read_text())


def test_every_boundary_makes_the_same_pictures_again_and_another_seed_makes_others(
    graph, tmp_path
):
    bag = recorded(graph, str(tmp_path / "bag"))
    assert (bag.preset, {"audio", *KINDS} <= set(bag.topics)) == ("rig_512", True)
    pictures = recorded_digests(bag)
    assert len(set(pictures.values())) > 20
    for boundary in ("audio", "latents"):
        found = replayed(graph, bag, boundary, tmp_path / f"{boundary}.json")
        assert found["recorded"] == found["equal"] == len(pictures)
    other = replayed(graph, bag, "features", tmp_path / "other.json", OtherJaw)
    assert other["different"] > 10


def test_other_programs_can_read_a_recording_with_our_messages(graph, tmp_path):
    recorder = RecorderParameters(boundaries=("audio",), output=str(tmp_path / "bag"))
    graph.add(AudioNode(AudioParameters(source="topic")))
    graph.add(ReferencesNode())
    node = graph.add(RecorderNode(recorder))
    graph.spin()
    wait_for(lambda: node._bag is not None and node._bag.n_messages["audio"] > 5)
    node.trigger_deactivate()
    types = our_types()
    with Reader(tmp_path / "bag") as reader:
        found = [
            types.deserialize_cdr(data, connection.msgtype)
            for connection, _, data in reader.messages()
            if connection.topic == "/audio"
        ]
    ours = [item.message for item in Bag(tmp_path / "bag").messages(("audio",))]
    positions = [message.first_sample for message in found]
    assert positions[-len(ours) :] == [message.first_sample for message in ours]
    assert bytes(found[-1].samples.data) == bytes(ours[-1].samples.data)


@pytest.mark.parametrize("boundaries", [(), ("audio", "moods")])
def test_a_boundary_that_does_not_exist_leaves_the_recorder_unconfigured(
    graph, tmp_path, boundaries
):
    node = RecorderNode(RecorderParameters(boundaries=boundaries, output=str(tmp_path / "bag")))
    graph.add(node)
    assert "choose among audio, features" in node._last_error


def test_a_recording_is_never_written_over(graph, tmp_path):
    node = graph.add(RecorderNode(RecorderParameters(output=str(tmp_path))))
    assert "is there already" in node._last_error


def test_a_recorder_without_an_avatar_says_what_is_missing(graph, tmp_path):
    node = RecorderNode(RecorderParameters(output=str(tmp_path / "bag"), wait_s=0.2))
    graph.add(node)
    wait_for(lambda: node._last_error)
    assert "nothing came on audio, references" in node._last_error


def test_a_recording_without_the_boundary_is_refused(graph, tmp_path):
    node = graph.add(ReplayerNode(ReplayerParameters(recording=str(tmp_path / "none"))))
    assert "recording=" in node._last_error
