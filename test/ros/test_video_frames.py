"""The frames node on blocks of video latents, good and bad, on a real DDS."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.ros_graph import heard_frames, wait_for
from helpers.tiny_stages import ended, sound

pytest.importorskip("rclpy")

from sensor_msgs.msg import Image
from std_msgs.msg import UInt32

from talking_portrait_ros import msg
from talking_portrait_ros.chunks import (
    FrameChunk,
    Header,
    LatentBlock,
    Reference,
    References,
)
from talking_portrait_ros.frames.avatar import drawn_avatar
from talking_portrait_ros.latents.replay.recording import Recording, save_recording
from talking_portrait_ros.pipeline import build_pipeline
from talking_portrait_ros.presets import Preset
from talking_portrait_ros.ros import conversions as convert
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.stage_node import StageNode, StageParameters
from talking_portrait_ros.stage_specs import FRAMES, StageSpec
from talking_portrait_ros.timebase import Timebase

pytestmark = pytest.mark.ros

SPEC = FRAMES["ref_vae_tiny"]
SPACE = "video/ref-vae-random"
FRAME_NS = 40_000_000
SHAPE = (16, 1, 1)
VALUES = np.random.default_rng(0).normal(size=(40, *SHAPE)).astype(np.float32)


class FramesNode(StageNode):
    """The node with the smallest decoder of video latents."""

    def __init__(self):
        super().__init__("frames", ["frames"], StageParameters(max_queue=1000))

    spec = SPEC

    def build_stages(self):
        return [("frames", self._built("frames", self.spec))]


class Decoding:
    """A node with a portrait, a topic of latents, and the frames that come out."""

    def __init__(self, graph, references=None):
        self.node = graph.add(FramesNode())
        self.frames = heard_frames(graph)
        self.references = graph.speak(msg.References, "references", qos.LATCHED)
        self.references.publish(
            convert.references_to_msg(references or References((drawn_avatar(),)))
        )
        wait_for(lambda: self.session._references)
        self.latents = graph.speak(msg.LatentBlock, "latents", qos.STREAM)
        wait_for(lambda: self.node._outlets["frames"]._images.get_subscription_count())
        self._graph = graph

    @property
    def session(self):
        return self.node._chain.sessions[0]

    def send(self, *blocks):
        for block in blocks:
            message = (
                block if isinstance(block, msg.LatentBlock) else convert.latents_to_msg(block)
            )
            self.latents.publish(message)

    def wait_for_frames(self, n):
        wait_for(lambda: sum(len(f.frames) for f in self.frames) >= n)

    @property
    def positions(self):
        return [f.first_frame for f in self.frames if len(f.frames)]

    def pictures(self, first, end):
        chosen = [f.frames for f in self.frames if first <= f.first_frame < end]
        return np.concatenate(chosen)


def blocks(n_steps, n_blocks, first_frame=0, epoch=0):
    """A generator's session, from `first_frame` of the stream on."""
    made, frame = [], first_frame
    for index in range(n_blocks):
        n_frames = 4 * n_steps - (0 if index else 3)
        header = Header(10**9 + frame * FRAME_NS, epoch)
        part = VALUES[index * n_steps : (index + 1) * n_steps]
        made.append(LatentBlock(header, SPACE, part, frame, n_frames))
        frame += n_frames
    return made


def test_blocks_of_any_length_become_the_same_frames(graph):
    decoding = Decoding(graph)
    n = 0
    for epoch, (n_steps, n_blocks) in enumerate([(12, 1), (4, 3), (1, 12)]):
        for block in blocks(n_steps, n_blocks, n, epoch):
            decoding.send(block)
            decoding.wait_for_frames(block.first_frame + block.n_frames)
        n += 45
    assert decoding.positions == list(range(3 * 45))
    whole = decoding.pictures(0, 45)
    assert np.array_equal(decoding.pictures(45, 90), whole)
    assert np.array_equal(decoding.pictures(90, 135), whole)
    assert len(np.unique(whole)) > 20
    assert (decoding.node.counts["refused"], decoding.node.counts["jumps"]) == (0, 0)


def test_flush_gives_a_fresh_state_and_voids_what_waits(graph):
    decoding = Decoding(graph)
    decoding.send(*blocks(4, 1))
    decoding.wait_for_frames(13)
    graph.speak(UInt32, "epoch", qos.LATCHED).publish(UInt32(data=7))
    wait_for(lambda: decoding.node.epoch == 7)
    decoding.send(blocks(4, 2)[1])
    wait_for(lambda: decoding.node.counts["stale"] == 1)
    decoding.send(*blocks(4, 1, first_frame=13, epoch=7))
    decoding.wait_for_frames(26)
    assert decoding.positions == list(range(26))
    assert np.array_equal(decoding.pictures(13, 26), decoding.pictures(0, 13))
    assert [f.header.epoch for f in decoding.frames] == [0] * 13 + [7] * 13


def test_gap_is_counted_and_costs_three_frames_more_than_the_lost_block(graph):
    decoding = Decoding(graph)
    given = blocks(4, 4)
    decoding.send(given[0])
    decoding.wait_for_frames(13)
    decoding.send(given[2], given[3])
    decoding.wait_for_frames(13 + 13 + 16)
    assert decoding.positions == [*range(13), *range(32, 61)]
    assert decoding.node.counts["jumps"] == 1
    assert decoding.node.working


def test_misfits_are_refused_with_one_line_each_and_the_stream_goes_on(graph):
    decoding = Decoding(graph)
    first, second = blocks(4, 2)
    decoding.send(first)
    decoding.wait_for_frames(13)
    said = []
    decoding.node.warn_once = said.append
    nan, half, short = (convert.latents_to_msg(second) for _ in range(3))
    nan.values = convert.tensor_to_msg(np.full((4, *SHAPE), np.nan, np.float32))
    half.values.dtype = "float16"
    short.values.shape = [4, 16, 1, 2]
    bad = {
        "video/ref-vae-512": replace(second, space="video/ref-vae-512"),
        "'motion/arkit-1'": replace(second, space="motion/arkit-1"),
        "shape [4, 8, 1, 1], expected": replace(second, values=second.values[:, 8:]),
        "n_frames=99 does not fit 4 latent steps": replace(second, n_frames=99),
        "NaN": nan,
        "dtype='float16'": half,
        "has 256 bytes; shape [4, 16, 1, 2]": short,
    }  # fmt: skip
    for number, (says, block) in enumerate(bad.items(), start=1):
        decoding.send(block)
        wait_for(lambda n=number: decoding.node.counts["refused"] == n)
        assert says in said[-1]
        assert "\n" not in said[-1]
    decoding.send(second)
    decoding.wait_for_frames(29)
    assert decoding.positions == list(range(29))
    assert decoding.node.counts["jumps"] == 0
    assert decoding.node.working


@pytest.mark.parametrize("n_references", [1, 2, 3])
def test_all_references_reach_the_decoder(graph, n_references):
    avatar = drawn_avatar()
    sizes = [1, 2, 3][:n_references]
    items = tuple(
        Reference(
            np.ascontiguousarray(avatar.image.repeat(k, 0).repeat(k, 1) // k),
            avatar.landmarks * np.float32(k),
            f"{k}.png",
        )
        for k in sizes
    )
    decoding = Decoding(graph, References(items))
    decoding.send(*blocks(4, 1))
    decoding.wait_for_frames(13)
    cache = decoding.session._state.references
    assert cache.pictures.shape == (1, n_references, 3, 64, 64)
    levels = cache.pictures.mean(dim=(0, 2, 3, 4)).tolist()
    assert levels == pytest.approx([levels[0] / k for k in sizes], abs=0.02)


def test_weights_of_another_model_leave_a_node_that_can_be_set_right(graph):
    node = FramesNode()
    node.spec = SPEC.with_options(weights="log_mel_speech")
    graph.add(node)
    assert node._lifecycle_label == "unconfigured"
    assert "weights='log_mel_speech'" in node._last_error
    assert "belongs to another model" in node._last_error
    assert "\n" not in node._last_error
    node.spec = SPEC
    node.autostart()
    assert node.working


class FusedNode(StageNode):
    """Sound to frames by way of a recording, in one process."""

    def __init__(self, preset):
        super().__init__(
            "fused", ["features", "latents", "frames"], StageParameters(max_queue=1000)
        )
        self.preset = preset

    def build_stages(self):
        return [(kind, self._built(kind, getattr(self.preset, kind))) for kind in self._kinds]


@pytest.mark.parametrize("steps_per_block", [1, 4])
def test_fused_node_replays_a_recording_as_the_pipeline_does(graph, tmp_path, steps_per_block):
    file = str(tmp_path / "clip.safetensors")
    timebase = Timebase(frames_per_latent_step=4, first_step_alone=True)
    save_recording(file, Recording(SPACE, VALUES[:4], timebase))
    replay = StageSpec("replay", {"file": file, "steps_per_block": steps_per_block})
    preset = Preset("", 64, StageSpec("log_mel"), replay, SPEC)
    node = FusedNode(preset)
    frames = heard_frames(graph)
    graph.add(node)
    assert node._mailbox._capacity == 1000 + 2 * (4 * steps_per_block - 1)
    references = References((drawn_avatar(),))
    graph.speak(msg.References, "references", qos.LATCHED).publish(
        convert.references_to_msg(references)
    )
    wait_for(lambda: all(session._references for session in node._chain.sessions))
    wait_for(lambda: node._outlets["frames"]._images.get_subscription_count())
    audio = graph.speak(msg.AudioChunk, "audio", qos.STREAM)
    chunks = [*sound(31, n=640), *ended(sound(31, n=640, epoch=5))]  # a flush between them
    for number, chunk in enumerate(chunks):
        audio.publish(convert.audio_to_msg(chunk))
        if number == 30:
            wait_for(lambda: any(f.first_frame >= 12 for f in frames))
    wait_for(lambda: sum(len(f.frames) for f in frames if f.header.epoch == 5) == 31)
    wait_for(lambda: any(f.header.end_of_stream for f in frames))
    silence = np.zeros(31 * 640, np.float32)
    expected = np.stack([*build_pipeline(preset).render(silence, references)])
    after = [f for f in frames if f.header.epoch == 5 and len(f.frames)]
    assert [f.first_frame for f in after] == list(range(31))
    assert np.array_equal(np.concatenate([f.frames for f in after]), expected)
    before = [f for f in frames if f.header.epoch == 0]
    assert np.array_equal(before[0].frames[0], expected[0])
    assert node.counts["refused"] == 0


def test_waiting_blocks_count_by_their_frames(graph):
    node = FramesNode()
    graph.add(node)
    node._mailbox._capacity = 25
    node._worker.stop()
    node._mailbox._closed = False
    for block in blocks(4, 3):
        node._hear(convert.latents_to_msg(block))
    assert node.counts["dropped"] == 2  # 13 + 16 frames are too many, and 16 + 16 again
    assert len(node._mailbox) == 1


def test_frames_of_a_block_that_are_sent_at_once_wait_for_a_busy_screen(graph):
    node = graph.add(FramesNode())
    images = graph.hear(Image, "frames", qos.FRAMES)
    outlet = node._outlets["frames"]
    wait_for(lambda: outlet._images.get_subscription_count())
    outlet.publish(FrameChunk(Header(), np.zeros((16, 512, 512, 3), np.uint8), 0))
    graph.spin()
    wait_for(lambda: len(images) == 16)
