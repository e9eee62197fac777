"""Sounds and sound files for the tests."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np


def tone(hz, n_samples, rate_hz=16_000, level=0.5):
    return (level * np.sin(2 * np.pi * hz * np.arange(n_samples) / rate_hz)).astype(np.float32)


def loudest_hz(samples, rate_hz):
    windowed = samples * np.hanning(len(samples))
    return float(np.argmax(np.abs(np.fft.rfft(windowed)))) * rate_hz / len(samples)


def write_sound(path: Path, channels, rate_hz, codec, sample_format="s16"):
    """Write float32 [C, n] with PyAV."""
    layout = "mono" if len(channels) == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        stream.codec_context.format = sample_format
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(channels), format="fltp", layout=layout
        )
        frame.sample_rate = rate_hz
        convert = av.AudioResampler(sample_format, layout, rate_hz, frame_size=1024)
        for piece in [*convert.resample(frame), *convert.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path
