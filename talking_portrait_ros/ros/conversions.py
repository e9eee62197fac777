"""Chunks to messages and back: `x_to_msg` and `x_from_msg`, one pair per noun.

Bulk data goes through `array.array` on the way out and `np.frombuffer` on the way in: rclpy's
setters take 0.02 ms for a picture that way and 46 ms from a numpy array. A message is checked
before anything is allocated for it; what does not fit raises ValueError with field and value.
"""

from __future__ import annotations

import array
import math
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header as HeaderMsg

from talking_portrait_ros import msg
from talking_portrait_ros.chunks import (
    U8,
    AudioChunk,
    FeatureChunk,
    FrameChunk,
    Header,
    LatentBlock,
    Ledger,
    Reference,
    References,
)
from talking_portrait_ros.timebase import NS_PER_S

DTYPES = {name: np.dtype(name).newbyteorder("<") for name in ("float32", "int16", "uint8")}
INT16_SCALE = 32768.0
MAX_PICTURE_SIDE = 16384
MAX_POSITION = 2**53  # samples or frames: some thousand years of either
MAX_STAMP_S = 2**31 - 2**17  # what is reckoned from a stamp must still be one
MAX_LEDGER = 32


def time_to_msg(stamp_ns: int) -> Time:
    """Nanoseconds as a ROS time."""
    return Time(sec=stamp_ns // NS_PER_S, nanosec=stamp_ns % NS_PER_S)


def time_from_msg(message: Time) -> int:
    """A ROS time in nanoseconds."""
    return int(message.sec) * NS_PER_S + int(message.nanosec)


def tensor_to_msg(values: NDArray[Any]) -> msg.TensorData:
    """An array of float32, int16 or uint8.

    Raises:
        ValueError: another type.
    """
    dtype = values.dtype.name
    if dtype not in DTYPES:
        raise ValueError(f"TensorData.dtype={dtype!r}: choose one of {', '.join(DTYPES)}")
    little_endian = np.ascontiguousarray(values, DTYPES[dtype])
    return msg.TensorData(dtype=dtype, shape=values.shape, data=_bytes(little_endian))


def tensor_from_msg(message: msg.TensorData, field: str = "TensorData") -> NDArray[Any]:
    """The array of a message, without a copy.

    Args:
        message: the message.
        field: its name, for error messages.

    Raises:
        ValueError: unknown type, or a size that is not that of the shape.
    """
    dtype = DTYPES.get(message.dtype)
    if dtype is None:
        raise ValueError(f"{field}.dtype={message.dtype!r}: choose one of {', '.join(DTYPES)}")
    shape = [int(n) for n in message.shape]
    expected = math.prod(shape) * dtype.itemsize
    if len(message.data) != expected:
        raise ValueError(
            f"{field}.data has {len(message.data)} bytes; shape {shape} of {message.dtype} needs "
            f"{expected}"
        )
    return np.frombuffer(message.data, dtype).reshape(shape)


def audio_to_msg(chunk: AudioChunk) -> msg.AudioChunk:
    """Sound, as float32."""
    return msg.AudioChunk(
        **_head_to_fields(chunk.header),
        sample_rate_hz=chunk.sample_rate_hz,
        first_sample=chunk.first_sample,
        samples=tensor_to_msg(chunk.samples),
    )


def audio_from_msg(message: msg.AudioChunk) -> AudioChunk:
    """Sound; int16 becomes float32 in -1..1.

    Raises:
        ValueError: not mono, neither float32 nor int16, a rate of 0, NaN.
    """
    samples = tensor_from_msg(message.samples, "AudioChunk.samples")
    if samples.ndim != 1:
        raise ValueError(
            f"AudioChunk.samples has shape {list(samples.shape)}; send one channel, shape [n]"
        )
    if samples.dtype == np.int16:
        samples = samples.astype(np.float32) / np.float32(INT16_SCALE)
    if not message.sample_rate_hz:
        raise ValueError("AudioChunk.sample_rate_hz=0: give the samples per second")
    head = _head_from_msg(message)
    first = _position("AudioChunk.first_sample", message.first_sample)
    return AudioChunk(head, samples, message.sample_rate_hz, first)


def features_to_msg(chunk: FeatureChunk) -> msg.FeatureChunk:
    """Features."""
    return msg.FeatureChunk(
        **_head_to_fields(chunk.header),
        space=chunk.space,
        first_frame=chunk.first_frame,
        values=tensor_to_msg(chunk.values),
        speech=tensor_to_msg(chunk.speech),
    )


def features_from_msg(message: msg.FeatureChunk) -> FeatureChunk:
    """Features.

    Raises:
        ValueError: wrong type, shape or size, NaN.
    """
    values = tensor_from_msg(message.values, "FeatureChunk.values")
    speech = tensor_from_msg(message.speech, "FeatureChunk.speech")
    head = _head_from_msg(message)
    first = _position("FeatureChunk.first_frame", message.first_frame)
    return FeatureChunk(head, message.space, values, speech, first)


def latents_to_msg(block: LatentBlock) -> msg.LatentBlock:
    """Latents."""
    return msg.LatentBlock(
        **_head_to_fields(block.header),
        space=block.space,
        first_frame=block.first_frame,
        n_frames=block.n_frames,
        values=tensor_to_msg(block.values),
    )


def latents_from_msg(message: msg.LatentBlock) -> LatentBlock:
    """Latents.

    Raises:
        ValueError: wrong type, shape or size, NaN.
    """
    values = tensor_from_msg(message.values, "LatentBlock.values")
    head = _head_from_msg(message)
    first = _position("LatentBlock.first_frame", message.first_frame)
    return LatentBlock(head, message.space, values, first, message.n_frames)


def image_to_msg(picture: U8, stamp_ns: int = 0) -> Image:
    """A picture, uint8 RGB [H, W, 3]."""
    height, width, _ = picture.shape
    return Image(
        header=HeaderMsg(stamp=time_to_msg(stamp_ns)),
        height=height,
        width=width,
        encoding="rgb8",
        step=3 * width,
        data=_bytes(np.ascontiguousarray(picture)),
    )


def image_from_msg(message: Image, field: str = "Image") -> U8:
    """A picture, uint8 RGB [H, W, 3]; from rgb8 without a copy.

    Raises:
        ValueError: another encoding than rgb8 and bgr8, no size, or data of another size.
    """
    height, width, step = int(message.height), int(message.width), int(message.step)
    if message.encoding not in ("rgb8", "bgr8"):
        raise ValueError(f"{field}.encoding={message.encoding!r}: send rgb8 or bgr8")
    if not (0 < height <= MAX_PICTURE_SIDE and 0 < width <= MAX_PICTURE_SIDE):
        raise ValueError(f"{field} is {width}x{height}: sides are 1 to {MAX_PICTURE_SIDE} pixels")
    if step < 3 * width or len(message.data) != height * step:
        raise ValueError(
            f"{field}.data has {len(message.data)} bytes with step={step}; {width}x{height} needs "
            f"{3 * width * height} with step={3 * width}"
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(height, step)
    picture = rows[:, : 3 * width].reshape(height, width, 3)  # [H, W, 3]
    return picture if message.encoding == "rgb8" else picture[..., ::-1]


def frames_to_msgs(chunk: FrameChunk, frame_ns: int) -> list[tuple[msg.FrameInfo, Image | None]]:
    """Each frame with its companion; a chunk without frames is one companion without a picture.

    Args:
        chunk: frames.
        frame_ns: duration of a frame, for the stamps of the frames after the first.
    """
    n_frames = len(chunk.frames)
    pairs: list[tuple[msg.FrameInfo, Image | None]] = []
    for index in range(max(n_frames, 1)):
        stamp_ns = chunk.header.stamp_ns + index * frame_ns
        is_last = index >= n_frames - 1
        fields = _head_to_fields(chunk.header.at(stamp_ns))
        fields["end_of_stream"] = chunk.header.end_of_stream and is_last
        info = msg.FrameInfo(**fields, frame=chunk.first_frame + index, n_frames=min(n_frames, 1))
        pairs.append((info, image_to_msg(chunk.frames[index], stamp_ns) if n_frames else None))
    return pairs


def frame_from_msgs(info: msg.FrameInfo, image: Image | None) -> FrameChunk:
    """One frame, or none where only the end of the stream came.

    Raises:
        ValueError: as `image_from_msg`.
    """
    picture = np.zeros((0, 1, 1, 3), np.uint8) if image is None else image_from_msg(image)[None]
    return FrameChunk(_head_from_msg(info), picture, _position("FrameInfo.frame", info.frame))


def references_to_msg(references: References, stamp_ns: int = 0) -> msg.References:
    """One to three pictures with what is known of their landmarks."""
    items = [
        msg.Reference(
            name=item.name,
            image=image_to_msg(item.image, stamp_ns),
            landmarks=tensor_to_msg(
                np.zeros((0, 3), np.float32) if item.landmarks is None else item.landmarks
            ),
        )
        for item in references.items
    ]
    return msg.References(header=HeaderMsg(stamp=time_to_msg(stamp_ns)), items=items)


def references_from_msg(message: msg.References) -> References:
    """One to three pictures.

    Raises:
        ValueError: another number, a picture or landmarks that do not fit.
    """
    return References(tuple(_reference_from_msg(item) for item in message.items))


def ledger_to_msg(ledger: Ledger) -> list[msg.LedgerEntry]:
    """Time per stage."""
    return [msg.LedgerEntry(stage=stage, ms=float(ms)) for stage, ms in ledger.entries]


def ledger_from_msg(entries: list[msg.LedgerEntry]) -> Ledger:
    """Time per stage.

    Raises:
        ValueError: more entries than there are stages, or no finite times.
    """
    if len(entries) > MAX_LEDGER:
        raise ValueError(f"ledger has {len(entries)} entries; send at most {MAX_LEDGER}")
    for entry in entries:
        if not math.isfinite(entry.ms):
            raise ValueError(f"ledger of {entry.stage!r} is {entry.ms} ms; send finite numbers")
    return Ledger(tuple((entry.stage, entry.ms) for entry in entries))


def _reference_from_msg(message: msg.Reference) -> Reference:
    image = np.ascontiguousarray(image_from_msg(message.image, "Reference.image"))
    landmarks = tensor_from_msg(message.landmarks, "Reference.landmarks")
    return Reference(image, landmarks if len(landmarks) else None, message.name)


def _head_to_fields(header: Header) -> dict[str, Any]:
    """The fields that every chunk message has."""
    return {
        "header": HeaderMsg(stamp=time_to_msg(header.stamp_ns)),
        "epoch": header.epoch,
        "ledger": ledger_to_msg(header.ledger),
        "end_of_stream": header.end_of_stream,
    }


def _position(field: str, value: int) -> int:
    """Refuse a position beyond all counting.

    Raises:
        ValueError: names field and value.
    """
    if value > MAX_POSITION:
        raise ValueError(f"{field}={value}: at most {MAX_POSITION}; count from the stream's start")
    return value


def _head_from_msg(message: Any) -> Header:
    stamp = message.header.stamp
    if not 0 <= stamp.sec <= MAX_STAMP_S:
        raise ValueError(f"header.stamp.sec={stamp.sec}: expected 0 to {MAX_STAMP_S}; send a time")
    return Header(
        stamp_ns=time_from_msg(stamp),
        epoch=message.epoch,
        ledger=ledger_from_msg(message.ledger),
        end_of_stream=message.end_of_stream,
    )


def _bytes(values: NDArray[Any]) -> array.array[int]:
    """The bytes of a contiguous array, in the one container that rclpy takes without a loop."""
    data = array.array("B")
    data.frombytes(values.reshape(-1).view(np.uint8).data)
    return data
