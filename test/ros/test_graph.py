"""The real nodes as processes: two avatars side by side, barge-in, speech from a text."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from helpers.ros_graph import wait_for
from scipy.io import wavfile

pytest.importorskip("rclpy")

from std_msgs.msg import String
from std_srvs.srv import Trigger

from talking_portrait_ros import msg
from talking_portrait_ros.chunks import AudioChunk, Header
from talking_portrait_ros.ros import conversions as convert
from talking_portrait_ros.ros import qos

pytestmark = pytest.mark.ros


@pytest.fixture
def start(domain):
    """Starts node processes, and ends them."""
    processes = []

    def started(node, *parameters, namespace="/"):
        words = [word for parameter in parameters for word in ("-p", parameter)]
        command = [sys.executable, "-m", f"talking_portrait_ros.ros.nodes.{node}", "--ros-args"]
        processes.append(subprocess.Popen([*command, *words, "-r", f"__ns:={namespace}"]))

    yield started
    for process in processes:
        process.terminate()
    assert [process.wait(20) for process in processes] == [0] * len(processes)


def loudness(chunks):
    peaks = (np.abs(convert.audio_from_msg(chunk).samples).max(initial=0) for chunk in chunks)
    return max(peaks, default=0)


def tone(n=3200):
    samples = (0.5 * np.sin(np.arange(n) * 0.2)).astype(np.float32)
    return convert.audio_to_msg(AudioChunk(Header(), samples, 16000, 0))


def test_sound_is_continuous_and_pushed_sound_gets_into_it(start, graph):
    start("audio")
    heard = graph.hear(msg.AudioChunk, "audio", qos.STREAM)
    graph.speak(msg.AudioChunk, "audio_in", qos.PUSHED).publish(tone())
    wait_for(lambda: loudness(heard) > 0.4)
    ends = [c.first_sample + c.samples.shape[0] for c in heard]
    assert [c.first_sample for c in heard[1:]] == ends[:-1]
    assert {c.samples.shape[0] for c in heard} == {320}


def test_wrong_sound_is_refused_and_the_node_goes_on(start, graph):
    start("audio")
    heard = graph.hear(msg.AudioChunk, "audio", qos.STREAM)
    pushed = graph.speak(msg.AudioChunk, "audio_in", qos.PUSHED)
    bad = tone()
    bad.sample_rate_hz = 0
    pushed.publish(bad)
    pushed.publish(tone())
    wait_for(lambda: loudness(heard) > 0.4)


def test_file_that_breaks_off_ends_the_stream_where_it_broke(start, graph, tmp_path):
    sound = np.full(32_000, 0.5, np.float32)
    sound[24_000] = np.nan
    wavfile.write(tmp_path / "broken.wav", 16_000, sound)
    heard = graph.hear(msg.AudioChunk, "audio", qos.STREAM)
    start("audio", "source:=file", f"file:={tmp_path}/broken.wav", "exit_at_end:=true",
          "wait_for_face_s:=0.0", "tail_ms:=0", "lead_in_ms:=4000")  # fmt: skip
    graph.spin()
    wait_for(lambda: heard and heard[-1].end_of_stream)
    assert 64_000 + 16_000 < heard[-1].first_sample <= 64_000 + 24_000


def test_two_namespaces_hear_nothing_of_each_other(start, graph):
    for namespace in ("/left", "/right"):
        start("audio", namespace=namespace)
    left = graph.hear(msg.AudioChunk, "/left/audio", qos.STREAM)
    right = graph.hear(msg.AudioChunk, "/right/audio", qos.STREAM)
    graph.speak(msg.AudioChunk, "/left/audio_in", qos.PUSHED).publish(tone())
    wait_for(lambda: loudness(left) > 0.4 and len(right) > 20)
    assert loudness(right) == 0


def test_flush_raises_the_epoch_everywhere_and_cuts_what_was_to_be_said(start, graph):
    start("audio")
    heard = graph.hear(msg.AudioChunk, "audio", qos.STREAM)
    epochs = graph.hear(msg.AudioChunk, "audio", qos.STREAM)
    graph.speak(msg.AudioChunk, "audio_in", qos.PUSHED).publish(tone(16000 * 20))
    wait_for(lambda: loudness(heard) > 0.4)
    before = heard[-1].epoch
    answer = graph.call(Trigger, "flush", Trigger.Request())
    assert (answer.success, answer.message) == (True, f"epoch {before + 1}")
    wait_for(lambda: sum(c.epoch == before + 1 for c in epochs) > 5)
    assert loudness([c for c in epochs if c.epoch > before]) == 0
    assert [c for c in epochs if c.epoch > before][0].first_sample % 640 == 0


def test_texts_are_spoken(start, graph):
    start("audio")
    heard = graph.hear(msg.AudioChunk, "audio", qos.STREAM)
    graph.speak(String, "say", qos.EVENTS).publish(String(data="hello"))
    wait_for(lambda: loudness(heard) > 0.05)


def test_portrait_reaches_those_who_come_late_and_can_be_exchanged(start, graph, tmp_path):
    from rcl_interfaces.msg import ParameterType
    from rcl_interfaces.srv import SetParameters
    from rclpy.parameter import Parameter

    start("references")
    graph.spin()
    wait_for(lambda: graph.probe.count_publishers("references"))
    first = graph.hear(msg.References, "references", qos.LATCHED)
    wait_for(lambda: first)
    assert len(convert.references_from_msg(first[0]).first.landmarks) == 478

    def set_portraits(value):
        request = SetParameters.Request()
        request.parameters = [Parameter("portraits", value=value).to_parameter_msg()]
        assert request.parameters[0].value.type == ParameterType.PARAMETER_STRING_ARRAY
        return graph.call(SetParameters, "/references/set_parameters", request).results[0]

    refused = set_portraits([str(tmp_path / "nobody.jpg")])
    assert (refused.successful, "nobody.jpg" in refused.reason) == (False, True)
    assert set_portraits(["avatar", "avatar"]).successful
    wait_for(lambda: len(first) > 1)
    assert [len(message.items) for message in first] == [1, 2]
