from __future__ import annotations

import array

import numpy as np
import pytest
from helpers.tiny_stages import sound

pytest.importorskip("rclpy")

from talking_portrait_ros import msg
from talking_portrait_ros.chunks import (
    AudioChunk,
    FeatureChunk,
    FrameChunk,
    Header,
    LatentBlock,
    Ledger,
    Reference,
    References,
)
from talking_portrait_ros.ros import conversions as convert

pytestmark = pytest.mark.ros

HEADER = Header(1_234_567_890_123_456_789, 3, Ledger((("audio", 0.5), ("features", 1.5))), True)
RANDOM = np.random.default_rng(0)


def numbers(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def pictures(n):
    return RANDOM.integers(0, 255, (n, 6, 4, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("kind", "chunk"),
    [
        ("audio", AudioChunk(HEADER, numbers(7), 16000, 2**40)),
        ("audio", AudioChunk(HEADER, numbers(0), 16000, 0)),
        ("features", FeatureChunk(HEADER, "features/x-1", numbers(2, 5), numbers(2), 9)),
        ("latents", LatentBlock(HEADER, "motion/arkit-1", numbers(2, 58), 9, 2)),
        ("latents", LatentBlock(HEADER, "video/x-1", numbers(1, 4, 3, 2), 9, 4)),
    ],
    ids=["audio", "no-audio", "features", "motion", "video"],
)
def test_chunks_survive_the_round_trip(kind, chunk):
    back = getattr(convert, f"{kind}_from_msg")(getattr(convert, f"{kind}_to_msg")(chunk))
    for name, value in vars(chunk).items():
        got = getattr(back, name)
        assert np.array_equal(got, value) if isinstance(value, np.ndarray) else got == value
    assert type(back) is type(chunk)


def test_frames_survive_one_by_one_with_their_own_stamps():
    chunk = FrameChunk(HEADER, pictures(3), 20)
    pairs = convert.frames_to_msgs(chunk, 40_000_000)
    back = [convert.frame_from_msgs(info, image) for info, image in pairs]
    assert np.array_equal(np.concatenate([f.frames for f in back]), chunk.frames)
    assert [f.first_frame for f in back] == [20, 21, 22]
    assert [f.header.stamp_ns - HEADER.stamp_ns for f in back] == [0, 40_000_000, 80_000_000]
    assert [f.header.end_of_stream for f in back] == [False, False, True]
    assert all(info.header.stamp == image.header.stamp for info, image in pairs)


def test_end_of_a_stream_needs_no_picture():
    ((info, image),) = convert.frames_to_msgs(FrameChunk(HEADER, pictures(0), 20), 40_000_000)
    back = convert.frame_from_msgs(info, image)
    assert (image, len(back.frames), back.header.end_of_stream) == (None, 0, True)


def test_references_survive_with_and_without_landmarks():
    first = Reference(pictures(1)[0], numbers(478, 3), "one.jpg")
    second = Reference(pictures(1)[0])
    back = convert.references_from_msg(convert.references_to_msg(References((first, second))))
    assert np.array_equal(back.items[0].landmarks, first.landmarks)
    assert np.array_equal(back.items[1].image, second.image)
    assert (back.items[1].landmarks, back.first.name) == (None, "one.jpg")


def test_int16_sound_becomes_float():
    message = convert.audio_to_msg(sound(1)[0])
    message.samples = convert.tensor_to_msg(np.array([-32768, 0, 16384], np.int16))
    assert convert.audio_from_msg(message).samples.tolist() == [-1.0, 0.0, 0.5]


def test_blue_first_and_padded_pictures_are_read():
    picture = pictures(1)[0]
    message = convert.image_to_msg(picture)
    padded = np.pad(picture[..., ::-1].reshape(6, 12), ((0, 0), (0, 4)))
    message.encoding, message.step = "bgr8", 16
    message.data = array.array("B", padded.tobytes())
    assert np.array_equal(convert.image_from_msg(message), picture)


def tensor(dtype="float32", shape=(2,), n_bytes=8):
    return msg.TensorData(dtype=dtype, shape=list(shape), data=array.array("B", bytes(n_bytes)))


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (tensor(dtype="float64"), "dtype='float64'"),
        (tensor(shape=(3,)), "has 8 bytes; shape .3. of float32 needs 12"),
        (tensor(shape=(4_000_000_000,)), "shape .4000000000. of float32 needs 16000000000"),
        (tensor(shape=(2**32 - 1,) * 4), "of float32 needs"),
    ],
)
def test_malformed_tensors_are_refused_by_name_and_value(bad, says):
    with pytest.raises(ValueError, match=says):
        convert.tensor_from_msg(bad)


def changed_image(**fields):
    message = convert.image_to_msg(pictures(1)[0])
    for name, value in fields.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"encoding": "mono8"}, "encoding='mono8'"),
        ({"height": 2**32 - 1}, "4x4294967295"),
        ({"width": 0}, "0x6"),
        ({"step": 5}, "step=5"),
        ({"data": array.array("B", b"123")}, "has 3 bytes"),
    ],
)
def test_malformed_pictures_are_refused_by_name_and_value(fields, says):
    with pytest.raises(ValueError, match=says):
        convert.image_from_msg(changed_image(**fields))


@pytest.mark.parametrize("n_items", [0])
def test_references_without_a_picture_are_refused(n_items):
    with pytest.raises(ValueError, match="1 to 3 pictures"):
        convert.references_from_msg(msg.References())


def test_float64_does_not_travel():
    with pytest.raises(ValueError, match="float64"):
        convert.tensor_to_msg(np.zeros(3))


def test_bulk_data_takes_the_fast_way_in_both_directions():
    """rclpy is fast for array.array only, and np.frombuffer keeps the message's own memory."""
    message = convert.image_to_msg(pictures(1)[0])
    assert isinstance(message.data, array.array)
    read = convert.image_from_msg(message)
    message.data[0] = 255 - message.data[0]
    assert read[0, 0, 0] == message.data[0]
    data = convert.tensor_to_msg(numbers(5)).data
    assert isinstance(data, array.array)
