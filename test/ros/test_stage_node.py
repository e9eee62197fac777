from __future__ import annotations

import gc
import weakref
from threading import Event

import numpy as np
import pytest
from helpers.ros_graph import heard_frames, wait_for
from helpers.tiny_stages import STAGES, ended, sound

pytest.importorskip("rclpy")

from lifecycle_msgs.srv import ChangeState, GetState
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import UInt32

from talking_portrait_ros import msg
from talking_portrait_ros.chunks import Reference, References
from talking_portrait_ros.ros import conversions as convert
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.stage_node import StageNode, StageParameters
from talking_portrait_ros.ros.steering import Steering

pytestmark = pytest.mark.ros

ALL = ("features", "latents", "frames")
TRANSITIONS = {"configure": 1, "cleanup": 2, "activate": 3, "deactivate": 4}


class TinyNode(StageNode):
    """A node with tiny stages."""

    def __init__(self, *kinds, **parameters):
        name = "tiny_" + (kinds[0] if len(kinds) == 1 else "fused")
        super().__init__(name, kinds, StageParameters(max_queue=1000, **parameters))

    def build_stages(self):
        return [(kind, STAGES[kind]()) for kind in self._kinds]


def portrait(brightness=100, name="grey"):
    picture = np.full((8, 8, 3), brightness, np.uint8)
    return convert.references_to_msg(References((Reference(picture, name=name),)))


def has_portrait(*nodes):
    return lambda: all(s._references for node in nodes for s in node._chain.sessions)


class Talk:
    """Nodes with a portrait, and a topic to speak on."""

    def __init__(self, graph, *nodes):
        self.nodes = [graph.add(node) for node in nodes]
        self.references = graph.speak(msg.References, "references", qos.LATCHED, len(nodes))
        self.references.publish(portrait())
        wait_for(has_portrait(*nodes))
        self.audio = graph.speak(msg.AudioChunk, "audio", qos.STREAM)

    def say(self, chunks):
        for chunk in chunks:
            self.audio.publish(convert.audio_to_msg(chunk))


def positions(messages):
    return [m.first_frame + i for m in messages for i in range(m.values.shape[0])]


def test_sound_becomes_features(graph):
    node = TinyNode("features")
    heard = graph.hear(msg.FeatureChunk, "features", qos.STREAM)
    talk = Talk(graph, node)
    wait_for(lambda: node._outlets["features"]._publisher.get_subscription_count())
    talk.say(ended(sound(10)))
    wait_for(lambda: heard and heard[-1].end_of_stream)
    assert positions(heard) == [0, 1, 2, 3, 4]
    assert [entry.stage for entry in heard[0].ledger] == ["features"]
    assert convert.time_from_msg(heard[0].header.stamp) == 10**9


def frames_of(graph, nodes, chunks):
    """All pictures that these nodes make of a stream, [T, H, W, 3]."""
    frames = heard_frames(graph)
    talk = Talk(graph, *nodes)
    outlets = [outlet for node in nodes for outlet in node._outlets.items()]
    for kind, outlet in outlets:
        if kind == "frames":
            wait_for(lambda o=outlet: o._images.get_subscription_count())
        elif len(nodes) > 1:
            wait_for(lambda o=outlet: o._publisher.get_subscription_count())
    talk.say(chunks)
    wait_for(lambda: any(f.header.end_of_stream for f in frames))
    wait_for(lambda: sum(len(f.frames) for f in frames) == 13)
    for node in nodes:
        node.trigger_deactivate()
        node.trigger_cleanup()
    graph.probe.destroy_publisher(talk.audio)
    graph.probe.destroy_publisher(talk.references)
    return np.concatenate([f.frames for f in frames if len(f.frames)])


def test_fused_and_split_make_the_same_frames(graph):
    chunks = ended(sound(25))
    fused = frames_of(graph, [TinyNode(*ALL)], chunks)
    split = frames_of(graph, [TinyNode(kind) for kind in ALL], chunks)
    assert np.array_equal(fused, split)
    assert len(np.unique(fused)) > 5


def test_lower_epochs_are_void_at_once_and_jumps_start_afresh(graph):
    node = TinyNode("features")
    heard = graph.hear(msg.FeatureChunk, "features", qos.STREAM)
    talk = Talk(graph, node)
    wait_for(lambda: node._outlets["features"]._publisher.get_subscription_count())
    talk.say(sound(4))
    wait_for(lambda: len(heard) == 1)
    epoch = graph.speak(UInt32, "epoch", qos.LATCHED)
    epoch.publish(UInt32(data=7))
    wait_for(lambda: node.epoch == 7)
    talk.say(sound(10, first=4 * 320))
    wait_for(lambda: node.counts["stale"] >= 10)  # the fourth chunk before may be one, too
    assert len(heard) == 1
    talk.say(sound(6, epoch=7) + sound(6, epoch=7, first=10 * 320))
    wait_for(lambda: len(heard) == 6)
    assert (node.counts["jumps"], {m.epoch for m in heard[1:]}) == (1, {7})
    assert positions(heard[1:]) == [0, 1, 2, 5, 6]


def test_malformed_messages_are_counted_and_the_node_lives(graph):
    node = TinyNode("features")
    heard = graph.hear(msg.FeatureChunk, "features", qos.STREAM)
    talk = Talk(graph, node)
    good = convert.audio_to_msg(sound(1)[0])
    absurd, nan, stereo, rate = (convert.audio_to_msg(sound(1)[0]) for _ in range(4))
    absurd.samples.shape = [4_000_000_000]
    nan.samples = convert.tensor_to_msg(np.full(320, np.nan, np.float32))
    stereo.samples = convert.tensor_to_msg(np.zeros((160, 2), np.float32))
    rate.sample_rate_hz = 44100
    for bad in (absurd, nan, stereo, rate):
        talk.audio.publish(bad)
    wait_for(lambda: node.counts["refused"] == 4)
    talk.audio.publish(good)
    talk.say(ended(sound(9, first=320)))
    wait_for(lambda: heard and heard[-1].end_of_stream)
    assert positions(heard) == [0, 1, 2, 3, 4]
    assert node.counts["jumps"] == 0


def test_portrait_without_a_face_leaves_the_one_before(graph):
    node = TinyNode("frames")
    graph.add(node)
    references = graph.speak(msg.References, "references", qos.LATCHED)
    references.publish(portrait())
    wait_for(has_portrait(node))
    references.publish(portrait(name="faceless"))
    wait_for(lambda: node.counts["refused"] == 1)
    assert node._chain.sessions[0]._references.first.name == "grey"
    assert node.working


def test_of_quick_portraits_the_newest_stays_whatever_the_older_ones_cost(graph):
    node = TinyNode("frames")
    begun, may_end, names = Event(), Event(), []
    graph.add(node)
    stage = node._chain.sessions[0].stage
    start = stage.start

    def slow_first(references):
        names.append(references.first.name)
        if references.first.name == "slow":
            begun.set()
            may_end.wait(10)
        return start(references)

    stage.start = slow_first
    node._hear_references(portrait(name="slow"))
    assert begun.wait(10)
    for name in ("skipped", "newest"):
        node._hear_references(portrait(name=name))
    may_end.set()
    wait_for(lambda: len(names) == 2)
    wait_for(lambda: node._chain.sessions[0]._references.first.name == "newest")
    assert names == ["slow", "newest"]


def test_stage_that_breaks_at_a_portrait_keeps_the_one_before(graph):
    node = TinyNode("frames")
    graph.add(node)
    node._hear_references(portrait())
    wait_for(has_portrait(node))
    stage = node._chain.sessions[0].stage
    start, stage.start = stage.start, lambda references: 1 / 0
    node._hear_references(portrait(name="unlucky"))
    wait_for(lambda: node.counts["errors"] == 1)
    assert node._chain.sessions[0]._references.first.name == "grey"
    stage.start = start
    node._hear_references(portrait(name="next"))
    wait_for(lambda: node._chain.sessions[0]._references.first.name == "next")


def test_lifecycle_goes_round_by_services_and_frees_the_stage(graph):
    node = graph.add(TinyNode("features"), start=False)

    def change(name):
        request = ChangeState.Request()
        request.transition.id = TRANSITIONS[name]
        return graph.call(ChangeState, "/tiny_features/change_state", request).success

    def label():
        found = graph.call(GetState, "/tiny_features/get_state", GetState.Request())
        return found.current_state.label

    assert label() == "unconfigured"
    for _ in range(2):
        assert [change("configure"), change("activate"), label()] == [True, True, "active"]
        assert [change("deactivate"), label()] == [True, "inactive"]
        stage = weakref.ref(node._chain.sessions[0].stage)
        assert [change("cleanup"), label()] == [True, "unconfigured"]
        gc.collect()
        assert stage() is None


LEGAL = {
    "unconfigured": {"configure": "inactive", "shutdown": "finalized"},
    "inactive": {"cleanup": "unconfigured", "activate": "active", "shutdown": "finalized"},
    "active": {"deactivate": "inactive", "shutdown": "finalized"},
    "finalized": {},
}
PATHS = {
    "unconfigured": (),
    "inactive": ("configure",),
    "active": ("configure", "activate"),
    "finalized": ("configure", "activate", "shutdown"),
}


@pytest.mark.parametrize("state", LEGAL)
def test_every_transition_from_every_state_is_made_or_refused(graph, state):
    for transition in (*TRANSITIONS, "shutdown"):
        node = graph.add(TinyNode("features"), start=False)
        graph.spin()
        steering = Steering(graph.probe, "/tiny_features")
        assert all(steering.change(step) for step in PATHS[state])
        after = LEGAL[state].get(transition)
        assert steering.change(transition) == (after is not None), transition
        assert steering.state() == (after or state)
        graph.remove(node)


def test_transition_that_fails_leaves_a_node_that_can_try_again(graph):
    node = TinyNode("features")
    build, node.build_stages = node.build_stages, lambda: (_ for _ in ()).throw(ValueError("no"))
    graph.add(node)
    assert node._lifecycle_label == "unconfigured"
    node.build_stages = build
    node.autostart()
    assert node.working


def test_overflow_is_counted_and_gives_up_the_queue(graph):
    node = TinyNode("features")
    graph.add(node)
    node._mailbox._capacity = 3
    node._worker.stop()
    node._mailbox._closed = False
    for chunk in sound(5):
        node._hear(convert.audio_to_msg(chunk))
    assert node.counts["dropped"] == 3
    assert len(node._mailbox) == 2


def test_jpeg_is_sent_while_somebody_wants_it(graph):
    node = TinyNode(*ALL)
    jpegs = graph.hear(CompressedImage, "frames/compressed", qos.FRAMES)
    talk = Talk(graph, node)
    wait_for(lambda: node._outlets["frames"]._jpegs.get_subscription_count())
    talk.say(ended(sound(6)))
    wait_for(lambda: jpegs)
    assert jpegs[0].format == "jpeg"
    assert bytes(jpegs[0].data[:2]) == b"\xff\xd8"


def test_partner_with_another_quality_of_service_is_counted(graph):
    from rclpy.qos import QoSProfile, ReliabilityPolicy

    node = graph.add(TinyNode("features"))
    weak = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    graph.probe.create_publisher(msg.AudioChunk, "audio", weak)
    graph.spin()
    wait_for(lambda: node.counts["incompatible_qos"] >= 1)


def test_diagnostics_tell_rate_queue_and_step_times(graph):
    from diagnostic_msgs.msg import DiagnosticArray

    reports = graph.hear(DiagnosticArray, "/diagnostics", qos.EVENTS)
    talk = Talk(graph, TinyNode("features"))
    talk.say(sound(20))
    wait_for(lambda: reports)
    status = reports[-1].status[0]
    keys = {pair.key for pair in status.values}
    assert status.name == "/tiny_features"
    assert {"state", "epoch", "rate_hz", "queue", "device", "features.step_p95_ms"} <= keys


def test_a_node_tells_what_its_stages_add_to_the_algorithmic_delay(graph):
    from diagnostic_msgs.msg import DiagnosticStatus

    from talking_portrait_ros.realtime.algorithmic import ToldDelays

    rungs = graph.hear(DiagnosticStatus, "rungs", qos.RUNGS)
    node = graph.add(StageNode("fused", ["features", "latents"]))
    graph.spin()
    wait_for(lambda: rungs)
    delays = ToldDelays()
    delays.hear({line.key: line.value for line in rungs[-1].values})
    clocks = [each.stage.clock for each in node._chain.sessions]
    assert delays.total_ms == sum(clock.all_lookahead_samples for clock in clocks) / 16 > 0


def test_settings_of_a_family_are_parameters_and_live_ones_reach_the_stage(graph):
    from rclpy.parameter import Parameter

    node = graph.add(StageNode("latents", ["latents"]))
    assert node.describe_parameter("latents.blink").description
    stage = node._chain.sessions[0].stage
    live, fixed = node.set_parameters(
        [Parameter("latents.blink", value=0.0), Parameter("latents.lookahead_ms", value=120)]
    )
    assert (live.successful, stage.config.blink) == (True, 0.0)
    assert "cannot change while the node works" in fixed.reason
    node.trigger_deactivate()
    node.trigger_cleanup()
    assert not node.has_parameter("latents.blink")
