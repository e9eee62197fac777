"""The partner's sound, gaze targets and expressions at real nodes."""

from __future__ import annotations

import wave
from dataclasses import replace

import numpy as np
import pytest
from helpers.ros_graph import wait_for
from helpers.tiny_stages import Jaw, Loudness, ended, sound

pytest.importorskip("rclpy")

from geometry_msgs.msg import PointStamped
from std_msgs.msg import String

from talking_portrait_ros import msg
from talking_portrait_ros.chunks import Reference, References
from talking_portrait_ros.latents.direction import Director, Expression, Gaze
from talking_portrait_ros.ros import conversions as convert
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.direction_input import expression_of
from talking_portrait_ros.ros.nodes.partner import PartnerNode, PartnerParameters
from talking_portrait_ros.ros.stage_node import StageNode, StageParameters

pytestmark = pytest.mark.ros


class PartnersLoudness(Loudness):
    """Loudness of the other track."""

    def step(self, chunk, state):
        return super().step(replace(chunk, samples=chunk.heard_partner), state)


class DirectedJaw(Jaw):
    """A generator that can be directed."""

    def __init__(self):
        self.director = Director()


class Node(StageNode):
    """A node with one of the stages above."""

    def __init__(self, kind, stage):
        super().__init__(f"tiny_{kind}", [kind], StageParameters(max_queue=1000))
        self.stage = stage

    def build_stages(self):
        return [(self._kinds[0], self.stage)]


def listening(graph):
    """A features node that hears both tracks, and their publishers."""
    node = graph.add(Node("features", PartnersLoudness()))
    portrait = References((Reference(np.zeros((8, 8, 3), np.uint8)),))
    references = graph.speak(msg.References, "references", qos.LATCHED)
    references.publish(convert.references_to_msg(portrait))
    wait_for(lambda: node._chain.sessions[0]._references)
    own = graph.speak(msg.AudioChunk, "audio", qos.STREAM)
    return node, own, graph.speak(msg.AudioChunk, "partner_audio", qos.STREAM)


def silent(chunks):
    return [replace(chunk, samples=np.zeros_like(chunk.samples)) for chunk in chunks]


def test_both_tracks_reach_the_stage_and_the_partner_is_a_little_later(graph):
    node, own, partner = listening(graph)
    heard = graph.hear(msg.FeatureChunk, "features", qos.STREAM)
    wait_for(lambda: node._outlets["features"]._publisher.get_subscription_count())
    for chunk in sound(12):
        partner.publish(convert.audio_to_msg(chunk))
    wait_for(lambda: len(node._partner._track._fifo) >= 12 * 320)
    for chunk in ended(silent(sound(12))):
        own.publish(convert.audio_to_msg(chunk))
    wait_for(lambda: heard and heard[-1].end_of_stream)
    loud = np.concatenate([convert.features_from_msg(m).values[:, 0] for m in heard])
    assert loud[0] == 0
    assert loud[2:].min() > 0
    assert node._partner.vitals()["partner_delay_ms"] == "40.0"


def test_a_node_without_a_partner_hears_silence(graph):
    node, own, _ = listening(graph)
    heard = graph.hear(msg.FeatureChunk, "features", qos.STREAM)
    wait_for(lambda: node._outlets["features"]._publisher.get_subscription_count())
    for chunk in ended(sound(6)):
        own.publish(convert.audio_to_msg(chunk))
    wait_for(lambda: heard and heard[-1].end_of_stream)
    assert not any(np.any(convert.features_from_msg(m).values) for m in heard)
    assert node._partner.vitals()["partner"] == "silent"


def test_a_partner_that_sends_nan_is_refused_and_the_node_lives(graph):
    node, own, partner = listening(graph)
    bad = convert.audio_to_msg(sound(1)[0])
    bad.samples = convert.tensor_to_msg(np.full(320, np.nan, np.float32))
    partner.publish(bad)
    wait_for(lambda: node.counts["refused"] == 1)
    heard = graph.hear(msg.FeatureChunk, "features", qos.STREAM)
    wait_for(lambda: node._outlets["features"]._publisher.get_subscription_count())
    for chunk in ended(sound(6)):
        own.publish(convert.audio_to_msg(chunk))
    wait_for(lambda: heard and heard[-1].end_of_stream)


def test_a_partner_with_another_clock_is_counted_and_told_in_one_line(graph):
    node, own, partner = listening(graph)
    for chunk in sound(12):
        partner.publish(convert.audio_to_msg(chunk.with_header(chunk.header.at(9 * 10**9))))
    wait_for(lambda: node._partner._track.is_present)
    for chunk in silent(sound(12)):
        own.publish(convert.audio_to_msg(chunk))
    wait_for(lambda: any("clock is -" in line for line in node._said))
    assert float(node._partner.vitals()["partner_offset_ms"]) < -1000


def test_the_partner_node_sends_a_file_and_goes_on_in_silence(graph, tmp_path):
    path = tmp_path / "partner.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((3000 * np.ones(3200)).astype("<i2").tobytes())
    parameters = PartnerParameters(source="file", file=str(path), wait_for_face_s=0.0)
    graph.add(PartnerNode(parameters))
    heard = graph.hear(msg.AudioChunk, "partner_audio", qos.STREAM)
    graph.spin()
    wait_for(lambda: len(heard) >= 30)
    chunks = [convert.audio_from_msg(message) for message in heard]
    assert np.concatenate([chunk.samples for chunk in chunks])[-320:].max() == 0
    steps = np.diff([chunk.first_sample for chunk in chunks])
    assert (steps == 320).all()


def test_a_partner_file_that_is_not_there_leaves_the_node_unconfigured(graph):
    node = graph.add(PartnerNode(PartnerParameters(source="file", file="/no/such.wav")))
    assert not node.working
    assert "/no/such.wav" in node._last_error


def test_gaze_targets_and_expressions_reach_the_generator(graph):
    stage = DirectedJaw()
    node = graph.add(Node("latents", stage))
    gaze = graph.speak(PointStamped, "gaze_target", qos.EVENTS)
    mood = graph.speak(String, "expression", qos.EVENTS)
    point = PointStamped()
    point.point.x, point.point.z = 0.5, 1.0
    gaze.publish(point)
    mood.publish(String(data="happy 0.5"))
    wait_for(lambda: stage.director.wish.gaze and stage.director.wish.expression)
    assert stage.director.wish.gaze == Gaze.at(0.5, 0.0, 1.0)
    assert stage.director.wish.expression == Expression.named("happy", 0.5)
    point.point.x = float("nan")
    point.point.y = point.point.z = float("nan")
    gaze.publish(point)
    mood.publish(String(data=""))
    wait_for(lambda: not (stage.director.wish.gaze or stage.director.wish.expression))
    point.header.frame_id = "map"
    gaze.publish(point)
    mood.publish(String(data="hungry"))
    wait_for(lambda: node.counts["refused"] == 2)
    assert any("'face'" in line for line in node._said)


def test_every_expression_of_hri_msgs_reaches_the_generator(graph):
    reason = "hri_msgs is no wheel; it comes with ROS 4 HRI"
    hri = pytest.importorskip("hri_msgs.msg", reason=reason)
    stage = DirectedJaw()
    node = graph.add(Node("latents", stage))
    mood = graph.speak(hri.Expression, "expression_hri", qos.EVENTS)
    constants = vars(type(hri.Expression))["_Metaclass_Expression__constants"]
    for name in constants.values():
        mood.publish(hri.Expression(expression=name))
        wait_for(lambda name=name: stage.director.wish.expression == Expression.named(name))
    mood.publish(hri.Expression(valence=0.5, arousal=-0.25))
    wait_for(lambda: stage.director.wish.expression == Expression.felt(0.5, -0.25))
    mood.publish(hri.Expression(expression="hungry"))
    wait_for(lambda: node.counts["refused"] == 1)


@pytest.mark.parametrize("text", ["happy sad", "happy 0.5 1", "0.5", "happy 2"])
def test_texts_that_are_no_expression_are_refused(text):
    with pytest.raises(ValueError, match="expression|intensity"):
        expression_of(text)


def test_two_numbers_are_valence_and_arousal():
    assert expression_of("0.5 -0.2") == Expression.felt(0.5, -0.2)
