from __future__ import annotations

import dataclasses
from threading import Event

import numpy as np
import pytest
from helpers.ros_graph import wait_for

pytest.importorskip("rclpy")

from talking_portrait_ros import msg
from talking_portrait_ros.chunks import FrameChunk, Header, Ledger
from talking_portrait_ros.ros import conversions as convert
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.diagnostics import status_msg
from talking_portrait_ros.ros.frame_pairs import MAX_WAITING, FramePairs
from talking_portrait_ros.ros.nodes import screen
from talking_portrait_ros.ros.outlets import timing_to_msg
from talking_portrait_ros.ros.status import StatusKeeper
from talking_portrait_ros.screen.presented import Presented

pytestmark = pytest.mark.ros

NS = 10**9
PICTURE = np.zeros((4, 4, 3), np.uint8)


def pair(frame, end=False):
    header = Header(NS + frame * 40_000_000, end_of_stream=end)
    return convert.frames_to_msgs(FrameChunk(header, PICTURE[None], frame), 40_000_000)[0]


def test_halves_are_joined_whichever_comes_first():
    pairs = FramePairs()
    (info, image), (later_info, later_image) = pair(0), pair(1)
    assert pairs.add_info(info) is None
    assert pairs.add_image(later_image) is None
    assert pairs.add_image(image).first_frame == 0
    assert pairs.add_info(later_info).first_frame == 1


def test_end_without_a_picture_is_complete_at_once():
    info = msg.FrameInfo(end_of_stream=True, frame=7)
    end = FramePairs().add_info(info)
    assert (end.header.end_of_stream, len(end.frames), end.first_frame) == (True, 0, 7)


def test_lost_halves_do_not_pile_up():
    pairs = FramePairs()
    for frame in range(10 * MAX_WAITING):
        pairs.add_info(pair(frame)[0])
    assert pairs.add_image(pair(0)[1]) is None
    assert pairs.add_image(pair(10 * MAX_WAITING - 1)[1]) is not None


def period(kind="own", on_time=True, epoch=0):
    header = Header(NS, epoch, Ledger((("frames", 7.0),)))
    captured_ns = NS + 40_000_000
    return Presented(kind, PICTURE, header, 3, captured_ns, NS, on_time, None, np.zeros(0))


@pytest.mark.parametrize(
    ("kind", "on_time", "state"),
    [
        ("own", True, "shown"),
        ("own", False, "missed"),
        ("late", False, "missed"),
        ("held", False, "repeated"),
        ("inserted", False, "repeated"),
        ("blended", False, "eased"),
        ("eased", False, "eased"),
    ],
)
def test_every_period_has_a_timing(kind, on_time, state):
    timing = timing_to_msg(period(kind, on_time), NS + 140_000_000)
    assert (timing.state, timing.frame, timing.mouth_to_pixel_ms) == (state, 3, 100.0)
    assert [entry.stage for entry in timing.ledger] == ["frames"]


class Published(list):
    def publish(self, message):
        self.append((message.state, message.utterance, message.epoch))


def test_status_is_sent_when_it_changes_and_only_then():
    sent = Published()
    keeper = StatusKeeper(sent)
    keeper.change(msg.Status.WAITING, "no frame has come yet", 0)
    for speaking in (False, False, True, True, False):
        keeper.show(period(), speaking, int(speaking))
    keeper.show(period("eased", on_time=False, epoch=1), False, 1)
    assert [state for state, _, _ in sent] == ["waiting", "idle", "speaking", "idle", "flushed"]
    assert sent[-1] == ("flushed", 1, 1)


def test_frames_that_miss_their_time_make_the_status_degraded_until_they_are_forgotten():
    sent = Published()
    keeper = StatusKeeper(sent)
    for _ in range(6):
        keeper.show(period("held", on_time=False), False, 0)
    for _ in range(60):
        keeper.show(period(), False, 0)
    assert [state for state, _, _ in sent] == ["idle", "degraded", "idle"]


class Details(list):
    def publish(self, message):
        self.append((message.state, message.detail))


def test_status_names_the_rung_of_a_stage_and_tells_when_it_is_left():
    from diagnostic_msgs.msg import DiagnosticStatus

    sent = Details()
    keeper = StatusKeeper(sent)
    low = DiagnosticStatus(level=DiagnosticStatus.WARN, name="frames", message="half: too slow")
    for rung in (None, low, low, DiagnosticStatus(level=DiagnosticStatus.OK, name="frames")):
        if rung is not None:
            keeper.hear_rung(rung)
        keeper.show(period(), False, 0)
    assert sent == [("idle", ""), ("degraded", "frames: half: too slow"), ("idle", "")]


def test_the_delay_allows_for_what_the_stages_tell_of_their_clocks(graph):
    from diagnostic_msgs.msg import DiagnosticStatus

    node = graph.add(screen.ScreenNode(screen.ScreenParameters(output="none")))
    rungs = graph.speak(DiagnosticStatus, "rungs", qos.RUNGS)
    for kind, lookahead, fill in (("features", "60.0", "0.0"), ("latents", "0.0", "600.0")):
        lines = {f"{kind}.lookahead_ms": lookahead, f"{kind}.fill_ms": fill}
        rungs.publish(status_msg(kind, DiagnosticStatus.OK, "", lines))
    wait_for(lambda: node._presenter.config.min_delay_ms == 660)
    assert node._presenter.config.max_delay_ms == 160 + 660 + 300
    assert node._statistics.algorithmic_ms == 660
    rungs.publish(status_msg("frames", DiagnosticStatus.OK, "", {"frames.fill_ms": "much"}))
    wait_for(lambda: node.counts["refused"] == 1)
    assert node._presenter.config.min_delay_ms == 660


def test_status_tells_that_the_face_rests_because_no_frames_come():
    sent = Details()
    keeper = StatusKeeper(sent)
    keeper.show(period(), False, 0)
    for _ in range(20):
        keeper.show(period("bridged", on_time=False), False, 0)
    assert sent[-1] == ("degraded", "no frames come: the face rests until they do")


class Broken:
    """A window whose display is gone before it opens."""

    def open(self):
        raise RuntimeError("display lost")


@pytest.mark.parametrize(("exits", "code"), [(True, 2), (False, None)])
def test_screen_that_fails_at_once_ends_the_process_or_stays_to_be_asked(
    graph, monkeypatch, exits, code
):
    monkeypatch.setattr(screen, "build_sink", lambda *_: Broken())
    node = screen.ScreenNode(screen.ScreenParameters(output="none", exit_at_end=exits))
    graph.add(node)
    wait_for(lambda: not node._thread.is_alive())
    assert (node.exit_code, node._last_error) == (code, "RuntimeError: display lost")
    assert node.counts["errors"] == 1


def test_speaker_is_given_back_where_the_player_cannot_be_made(graph, monkeypatch):
    class Speaker:
        closed = False

        @property
        def latency_samples(self):
            raise OSError("device gone")

        def close(self):
            self.closed = True

    speaker = Speaker()
    monkeypatch.setattr(screen, "Speaker", lambda *_: speaker)
    node = graph.add(screen.ScreenNode(screen.ScreenParameters(output="window", sound=True)))
    assert speaker.closed
    assert not node.working


def test_what_is_played_is_sent_as_the_echo_reference_with_the_time_of_playing(graph):
    node = graph.add(screen.ScreenNode(screen.ScreenParameters(output="none")))
    heard = graph.hear(msg.AudioChunk, "screen/played", qos.STREAM)
    graph.spin()
    wait_for(lambda: node._played.get_subscription_count())
    node._plays = True  # there is no sound device here
    for index, n_samples in enumerate((640, 660)):
        given = np.full(n_samples, 0.1 * index, np.float32)
        node._shown(dataclasses.replace(period(), played=given), 5 * NS + index)
    wait_for(lambda: len(heard) == 2)
    chunks = [convert.audio_from_msg(message) for message in heard]
    assert [chunk.first_sample for chunk in chunks] == [0, 640]
    assert [chunk.header.stamp_ns for chunk in chunks] == [5 * NS, 5 * NS + 1]
    assert len(chunks[1].samples) == 660


def test_topics_that_take_nothing_hold_up_no_picture_and_what_they_miss_is_counted(graph):
    node = graph.add(screen.ScreenNode(screen.ScreenParameters(output="none")))
    begun, go, told = Event(), Event(), []

    class Stuck:
        def publish(self, message):
            begun.set()
            assert go.wait(10)
            told.append(message.frame)

    node._timings = Stuck()
    node._shown(period(), NS)
    assert begun.wait(10)
    for index in range(1, 61):  # none of them waits
        node._shown(dataclasses.replace(period(), frame=index), NS + index)
    assert node.counts["untold"] == 60 - screen.REPORTS_KEPT
    go.set()
    node.working = False
    node.deactivate()
    assert told == [3, *range(11, 61)]


@pytest.mark.parametrize(
    ("options", "asked"),
    [({}, [1]), ({"realtime_priority": 0}, []), ({"output": "file:x.mp4"}, [])],
)
def test_a_screen_alone_asks_for_precedence_and_lives_without(graph, monkeypatch, options, asked):
    priorities = []

    def refuse(priority):
        priorities.append(priority)
        raise PermissionError

    monkeypatch.setattr(screen, "take_precedence", refuse)
    node = screen.ScreenNode(screen.ScreenParameters(**{"output": "none", **options}))
    try:
        node.alone()
    finally:
        node.destroy_node()
    assert priorities == asked
