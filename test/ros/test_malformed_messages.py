"""Whatever comes over the wire becomes a chunk that can go out again, or one ValueError."""

from __future__ import annotations

import array

import numpy as np
import pytest

pytest.importorskip("rclpy")

from builtin_interfaces.msg import Time
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_msgs.msg import Image
from std_msgs.msg import Header as HeaderMsg

from talking_portrait_ros import msg
from talking_portrait_ros.ros import conversions as convert
from talking_portrait_ros.ros.frame_pairs import FramePairs
from talking_portrait_ros.ros.outlets import timing_to_msg
from talking_portrait_ros.screen.presenter import Presenter

pytestmark = pytest.mark.ros

MANY = settings(deadline=None, max_examples=150, database=None)
U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
near = st.integers(0, 1000)
numbers = st.sampled_from([0.0, 0.5, -1.0, 3e38, float("nan"), float("inf")])


@st.composite
def tensors(draw, axes=(0, 4)):
    """Tensors that are mostly whole; some lie about their shape or type."""
    shape = draw(st.lists(st.integers(0, 5), min_size=axes[0], max_size=axes[1]))
    values = np.full(shape, draw(numbers), np.float32)
    tensor = convert.tensor_to_msg(values)
    if draw(st.booleans()):
        tensor.shape = draw(st.lists(U32, max_size=4))
    if draw(st.booleans()):
        tensor.data = array.array("B", draw(st.binary(max_size=64)))
    tensor.dtype = draw(st.sampled_from(["float32", "float32", "int16", "uint8", "float64", ""]))
    return tensor


@st.composite
def heads(draw):
    stamp = Time(sec=draw(st.integers(-(2**31), 2**31 - 1) | near), nanosec=draw(U32 | near))
    entries = st.builds(msg.LedgerEntry, stage=st.text(max_size=3), ms=numbers)
    return {
        "header": HeaderMsg(stamp=stamp),
        "epoch": draw(U32),
        "ledger": draw(st.lists(entries, max_size=3)),
        "end_of_stream": draw(st.booleans()),
    }


def survives(read, write, message):
    """True where the message becomes a chunk, which goes out again."""
    try:
        chunk = read(message)
    except ValueError as error:
        assert str(error)
        return False
    write(chunk)
    return True


@MANY
@given(heads(), U32 | st.just(16000), U64 | near, tensors(axes=(1, 1)) | tensors())
def test_sound(head, rate_hz, first, samples):
    message = msg.AudioChunk(**head, sample_rate_hz=rate_hz, first_sample=first, samples=samples)
    survives(convert.audio_from_msg, convert.audio_to_msg, message)


@MANY
@given(heads(), st.text(max_size=5), U64 | near, tensors(axes=(2, 2)), tensors(axes=(1, 1)))
def test_features(head, space, first, values, speech):
    message = msg.FeatureChunk(
        **head, space=space, first_frame=first, values=values, speech=speech
    )
    survives(convert.features_from_msg, convert.features_to_msg, message)


@MANY
@given(heads(), st.text(max_size=5), U64 | near, U32 | near, tensors(axes=(2, 4)))
def test_latents(head, space, first, n_frames, values):
    message = msg.LatentBlock(
        **head, space=space, first_frame=first, n_frames=n_frames, values=values
    )
    survives(convert.latents_from_msg, convert.latents_to_msg, message)


@st.composite
def images(draw):
    height, width = draw(st.integers(0, 6) | U32), draw(st.integers(0, 6) | U32)
    step = draw(st.just(min(3 * width, 2**32 - 1)) | U32)
    n_bytes = draw(st.just(min(height * step, 200)) | st.integers(0, 200))
    encoding = draw(st.sampled_from(["rgb8", "rgb8", "bgr8", "mono8", ""]))
    data = array.array("B", bytes(n_bytes))
    return Image(height=height, width=width, step=step, encoding=encoding, data=data)


@MANY
@given(st.lists(st.tuples(heads(), U64 | near, st.integers(0, 2) | U32, images()), max_size=6))
def test_frames_reach_the_screen_or_are_refused_and_what_is_shown_can_be_told(given_frames):
    """Pairs, presenter and the timings that come of it."""
    pairs, presenter, now_ns = FramePairs(), Presenter(), 10**9
    for head, frame, n_frames, image in given_frames:
        info = msg.FrameInfo(**head, frame=frame, n_frames=n_frames)
        image.header = info.header
        for add, half in ((pairs.add_info, info), (pairs.add_image, image)):
            now_ns += 20_000_000
            try:
                chunk = add(half)
            except ValueError:
                continue
            if chunk is not None:
                presenter.push_frames(chunk, now_ns)
            for period in presenter.tick(now_ns):
                timing_to_msg(period, now_ns)


@MANY
@given(st.lists(st.tuples(images(), tensors(axes=(2, 2))), max_size=3))
def test_portraits(pictures):
    items = [msg.Reference(image=image, landmarks=marks) for image, marks in pictures]
    message = msg.References(items=items)
    survives(convert.references_from_msg, convert.references_to_msg, message)


def test_good_messages_among_them_do_survive():
    """So that the properties above are not true of nothing."""
    chunk = convert.audio_from_msg(
        msg.AudioChunk(
            sample_rate_hz=16000, samples=convert.tensor_to_msg(np.zeros(3, np.float32))
        )
    )
    assert survives(convert.audio_from_msg, convert.audio_to_msg, convert.audio_to_msg(chunk))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [("first_sample", 2**63, "first_sample=9223372036854775808"), ("sec", -5, "stamp.sec=-5")],
)
def test_places_beyond_all_counting_are_refused_by_name(field, value, says):
    message = msg.AudioChunk(
        sample_rate_hz=16000, samples=convert.tensor_to_msg(np.zeros(3, np.float32))
    )
    setattr(message.header.stamp if field == "sec" else message, field, value)
    with pytest.raises(ValueError, match=says):
        convert.audio_from_msg(message)


def test_infos_from_the_future_do_not_displace_those_of_today():
    pairs = FramePairs()
    for second in range(100):
        pairs.add_info(msg.FrameInfo(header=HeaderMsg(stamp=Time(sec=10**6 + second)), n_frames=1))
    info = msg.FrameInfo(header=HeaderMsg(stamp=Time(sec=5)), n_frames=1, frame=3)
    image = convert.image_to_msg(np.zeros((4, 4, 3), np.uint8), 5 * 10**9)
    assert pairs.add_info(info) is None
    assert pairs.add_image(image).first_frame == 3
