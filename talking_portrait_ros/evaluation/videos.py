"""Video files, picture by picture: upright, with square pixels, and timed by their sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from talking_portrait_ros.chunks import U8

Picture = Callable[[], U8]
"""Converts a decoded frame to uint8 RGB [H, W, 3]; frames that nobody looks at cost less."""

_SAME_TIME_S = 0.002


def timed_pictures(path: str | Path) -> Iterator[tuple[float, Picture]]:
    """The pictures of a video file, each with its time in seconds from the start of the sound.

    Raises:
        ValueError: missing or unreadable file, or no picture track.
    """
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise ValueError(f"{path}: holds no pictures; give a video of a speaking face")
            start_s, rate = sound_start_s(container), _rate(container)
            for index, frame in enumerate(container.decode(video=0)):
                time_s = index / rate if frame.time is None else float(frame.time)
                yield time_s - start_s, _converter(frame, container.streams.video[0])
    except (av.error.FFmpegError, OSError) as error:
        reason = error.strerror or "damaged file"
        raise ValueError(f"{path}: cannot be read as a video ({reason})") from None


def pictures_at_rate(path: str | Path, fps: int) -> Iterator[Picture]:
    """One picture for every k / `fps` seconds: the one that is on the screen then.

    Raises:
        ValueError: missing or unreadable file, or no picture track.
    """
    shown: Picture | None = None
    k, time_s, step_s = 0, 0.0, 1 / fps
    for next_s, picture in timed_pictures(path):
        while shown and k / fps < next_s - _SAME_TIME_S:
            yield shown
            k += 1
        if shown:
            step_s = next_s - time_s
        shown, time_s = picture, next_s
    while shown and k / fps < time_s + step_s - _SAME_TIME_S:  # the last one stays as long
        yield shown
        k += 1


def has_sound(path: str | Path) -> bool:
    """Whether a readable video has a sound track."""
    import av

    with av.open(str(path)) as container:
        return bool(container.streams.audio)


def sound_start_s(container: Any) -> float:
    """Where the sound of an opened file begins on its clock; 0 without sound."""
    if not container.streams.audio:
        return 0.0
    sound = container.streams.audio[0]
    return float((sound.start_time or 0) * sound.time_base)


def _rate(container: Any) -> float:
    return float(container.streams.video[0].average_rate or 25)


def _converter(frame: Any, stream: Any) -> Picture:
    aspect = float(stream.sample_aspect_ratio or 1)

    def convert() -> U8:
        image = frame.to_ndarray(format="rgb24")
        if abs(aspect - 1) > 0.01:
            image = _wider(image, aspect)
        turned = np.rot90(image, frame.rotation // 90 % 4)  # phones note how they were held
        return np.ascontiguousarray(turned, np.uint8)

    return convert


def _wider(image: U8, aspect: float) -> U8:
    import cv2

    height, width = image.shape[:2]
    return np.asarray(cv2.resize(image, (round(width * aspect), height)), np.uint8)
