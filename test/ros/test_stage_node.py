from __future__ import annotations

import pytest
from helpers.ros_graph import wait_for
from helpers.tiny_stages import STAGES, ended, sound

from talking_portrait_ros import msg
from talking_portrait_ros.ros import conversions as convert
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.stage_node import StageNode, StageParameters

pytestmark = pytest.mark.ros


class TinyNode(StageNode):
    """A node with tiny stages."""

    def __init__(self, *kinds, **parameters):
        super().__init__("tiny_" + kinds[0], kinds, StageParameters(**parameters))

    def build_stages(self):
        return [(kind, STAGES[kind]()) for kind in self._kinds]


def portrait(brightness=100, name="grey"):
    import numpy as np

    from talking_portrait_ros.chunks import Reference, References

    picture = np.full((8, 8, 3), brightness, np.uint8)
    return convert.references_to_msg(References((Reference(picture, name=name),)))


def test_sound_becomes_features(graph):
    node = graph.add(TinyNode("features"))
    heard = graph.hear(msg.FeatureChunk, "features", qos.STREAM)
    graph.speak(msg.References, "references", qos.LATCHED).publish(portrait())
    wait_for(lambda: node._chain.sessions[0]._references)
    audio = graph.speak(msg.AudioChunk, "audio", qos.STREAM)
    wait_for(lambda: graph.probe.count_publishers("features"))
    for chunk in ended(sound(10)):
        audio.publish(convert.audio_to_msg(chunk))
    wait_for(lambda: heard and heard[-1].end_of_stream)
    frames = [m.first_frame + i for m in heard for i in range(m.values.shape[0])]
    assert frames == [0, 1, 2, 3, 4]
