"""Does the face live, and does it stay itself? Measured on finished pictures.

*Movement*: how far head, brows and lids move while a sound is spoken, over what the person who
spoke it did. *A long session*: one reference, minutes of speech and pauses; likeness to the
portrait, sharpness and memory, minute by minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
import psutil

from talking_portrait_ros.chunks import F32, U8, Reference, References
from talking_portrait_ros.evaluation.clips import Clip, Watch, unwatched
from talking_portrait_ros.evaluation.fidelity import ssim
from talking_portrait_ros.evaluation.runner import Runner
from talking_portrait_ros.evaluation.tracker import FaceTrack, track_frames
from talking_portrait_ros.frames.portrait import crop_face
from talking_portrait_ros.timebase import Timebase

MEASURES = ("yaw", "pitch", "brow", "ear")
FRAMES_PER_MINUTE = 25 * 60
SHORTEST_MINUTES = 2
_LOOKED_AT_EVERY = 25  # frames
_PAUSE_S = 1.0


@dataclass(frozen=True)
class Movement:
    """How much one measure moves, mean standard deviation over the clips.

    Attributes:
        measure: one of `MEASURES`.
        made: of the rendered face.
        real: of the person.
    """

    measure: str
    made: float
    real: float

    @property
    def ratio(self) -> float:
        """Made over real."""
        return self.made / self.real


@dataclass(frozen=True)
class SessionMinute:
    """One minute of a long session.

    Attributes:
        likeness: mean SSIM with the portrait, of one frame in 25.
        sharpness: mean absolute Laplacian of these frames, levels.
        process_bytes: of the whole process at the end of the minute.
    """

    likeness: float
    sharpness: float
    process_bytes: int


def evaluate_movement(
    name: str, runner_of: Callable[[int], Runner], clips: Sequence[Clip], reference: Reference,
    watch: Watch[Clip] = unwatched,
) -> list[Movement]:  # fmt: skip
    """How far `reference` moves to the sound of each clip, beside the speaker.

    Clips are short, and how far a head wanders within seconds is mostly chance, so each clip has
    chances of its own.

    Args:
        name: of the pipeline.
        runner_of: the pipeline with the chances of a seed.
        clips: what is spoken.
        reference: the face.
        watch: sees the clips go by.

    Raises:
        ValueError: a face that is lost.
    """
    references = References((reference,))
    made = [
        track_frames(runner_of(seed).frames(clip.samples, references), f"{clip.name} as {name}")
        for seed, clip in enumerate(watch(clips, f"{name}: movement"))
    ]
    real = [clip.track for clip in clips]
    return [Movement(name, _spread(made, name), _spread(real, name)) for name in MEASURES]


def _spread(tracks: Sequence[FaceTrack], name: str) -> float:
    return float(np.mean([getattr(track, name).std() for track in tracks]))


def evaluate_long_session(
    runner: Runner, clips: Sequence[Clip], reference: Reference, minutes: int,
    watch: Watch[int] = unwatched,
) -> list[SessionMinute]:  # fmt: skip
    """One session of `minutes` minutes, in which the clips' sounds are spoken again and again.

    Raises:
        ValueError: too short for anything to show.
    """
    if minutes < SHORTEST_MINUTES:
        raise ValueError(
            f"long-minutes={minutes}: no drift could show; give {SHORTEST_MINUTES} or more"
        )
    samples = _speech([clip.samples for clip in clips], minutes, runner.timebase)
    frames = runner.frames(samples, References((reference,)))
    first = next(frames)
    portrait = crop_face(reference, len(first)).image

    def all_frames() -> Iterator[U8]:
        yield first
        yield from frames

    stream = all_frames()
    return [_minute(stream, portrait) for _ in watch(range(minutes), f"{runner.name}: minutes")]


def _speech(sounds: Sequence[F32], minutes: int, timebase: Timebase) -> F32:
    """All sounds in turns with pauses, for so long; [n]."""
    pause = np.zeros(round(_PAUSE_S * timebase.sample_rate_hz), np.float32)
    once = np.concatenate([part for sound in sounds for part in (sound, pause)])
    return np.resize(once, minutes * FRAMES_PER_MINUTE * timebase.samples_per_frame)


def _minute(frames: Iterator[U8], portrait: U8) -> SessionMinute:
    seen = list(islice(frames, 0, FRAMES_PER_MINUTE, _LOOKED_AT_EVERY))
    return SessionMinute(
        float(np.mean([ssim(portrait, frame) for frame in seen])),
        float(np.mean([_sharpness(frame) for frame in seen])),
        psutil.Process().memory_info().rss,
    )


def _sharpness(frame: U8) -> float:
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean())
