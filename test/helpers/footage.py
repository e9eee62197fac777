"""Videos for the tests: the drawn avatar that speaks, and pictures that are told apart."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import av
import numpy as np

from talking_portrait_ros.evaluation.rig import motion_of, render_motion
from talking_portrait_ros.frames.avatar import drawn_avatar
from talking_portrait_ros.pipeline import build_stage
from talking_portrait_ros.stage_specs import StageSpec

SIDE = 192


@cache
def avatar_frames(n_frames):
    """The avatar with lips that open and close, and a head that turns, uint8 [T, 192, 192, 3]."""
    time = np.arange(n_frames)
    opening = 0.35 * (1 - np.cos(2 * np.pi * time / 9))
    motion = motion_of(n_frames, jawOpen=opening, headYaw=0.1 * np.sin(time / 5))
    stage = build_stage("frames", StageSpec("rig", {"resolution": SIDE}))
    return np.stack(list(render_motion(stage, drawn_avatar(), motion)))


def write_pictures(path, frames, fps=25, aspect=None, samples=None):
    """Frames to a file, nearly as they are; with sound where `samples` are given."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "4", "preset": "ultrafast"}
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        sound = (
            container.add_stream("aac", rate=16_000, layout="mono")
            if samples is not None
            else None
        )
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if samples is not None:
            piece = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            piece.sample_rate = 16_000
            container.mux(sound.encode(piece))
            container.mux(sound.encode())
    return path


def levels(n, side=64):
    """Grey pictures, frame k of level 10 + 5 k."""
    return [np.full((side, side, 3), 10 + 5 * k, np.uint8) for k in range(n)]


def turned_on_playback(path):
    """Note in an MP4 file that it is to be shown turned by 90 degrees clockwise, as phones do."""
    data = bytearray(path.read_bytes())
    box = data.index(b"tkhd")  # the picture track's header: version 0, its matrix 44 bytes on
    numbers = [0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30]
    data[box + 44 : box + 80] = b"".join(n.to_bytes(4, "big", signed=True) for n in numbers)
    path.write_bytes(data)
