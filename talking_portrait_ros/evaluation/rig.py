"""Does a face do what its latents say? Commanded motion against what a tracker sees.

Works on any decoder of `motion/arkit-1`: the lips follow a commanded opening, the lids a
commanded blink, the head a commanded turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from talking_portrait_ros.chunks import F32, U8, Header, LatentBlock, Reference, References
from talking_portrait_ros.evaluation.clips import Watch, unwatched
from talking_portrait_ros.evaluation.curves import Curve, best_lag, correlation
from talking_portrait_ros.evaluation.tracker import FaceTrack, track_frames
from talking_portrait_ros.frames.portrait import load_reference
from talking_portrait_ros.pipeline import AnyStage
from talking_portrait_ros.spaces import INDEX, MOTION_ARKIT, MOTION_WIDTH
from talking_portrait_ros.stage import require_space

CLOSED_GAP = 0.010  # of the face height: 2.5 pixels of a face 250 pixels high
MAX_LAG_FRAMES = 3
_MAX_OPENING = 0.7
_MAX_TURN_RAD = 0.20
_SETTLE_FRAMES = 3


@dataclass(frozen=True)
class RigScore:
    """How one face followed its commands.

    Attributes:
        name: the person.
        sweep_r: correlation of opening and gap while the mouth opens slowly.
        speech_r: the same for a speech-like curve, `lag_frames` its best lag.
        closed: share of the frames in silences longer than 0.3 s with closed lips.
        rest_gap: median gap in those silences, of the face height.
        ear_shut: eye aspect ratio of the shut eye over that of the open one.
        ear_r: correlation of eye aspect ratio and blink (-1 is best).
        yaw_gain: measured over commanded turn; `pitch_gain` likewise.
        found: share of the frames in which a face was found.
    """

    name: str
    sweep_r: float
    speech_r: float
    lag_frames: int
    closed: float
    rest_gap: float
    ear_shut: float
    ear_r: float
    yaw_gain: float
    pitch_gain: float
    found: float


def every_nth(folder: Path, step: int, count: int) -> list[Path]:
    """A fixed choice of pictures: every `step`th by name, `count` at most.

    Raises:
        ValueError: no pictures.
    """
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in {".jpg", ".png", ".jpeg"})
    if not paths:
        raise ValueError(f"people={folder}: no pictures in it; give a folder of portraits")
    return paths[::step][:count]


def evaluate_rig(
    stage: AnyStage, pictures: Sequence[Path], watch: Watch[Path] = unwatched
) -> list[RigScore]:
    """Scores of `stage` for each picture.

    Args:
        stage: a frames stage that draws `motion/arkit-1`.
        pictures: one portrait per person.
        watch: shows progress.

    Raises:
        ValueError: a stage of another space, a picture that is refused, a face that is lost.
    """
    require_space("evaluate_rig", MOTION_ARKIT, stage.in_space)
    return [
        score_reference(stage, load_reference(path), path.stem)
        for path in watch(list(pictures), "portraits: commanded and measured motion")
    ]


def score_reference(stage: AnyStage, reference: Reference, name: str) -> RigScore:
    """The score of one face."""
    opening, sweep = speech_like_opening(), np.linspace(0, _MAX_OPENING, 22)
    blink, turn = _ramp(1.0), _ramp(_MAX_TURN_RAD, two_sided=True)
    speech = _measured(stage, reference, name, jawOpen=opening)
    swept = _measured(stage, reference, name, jawOpen=sweep)
    blinked = _measured(stage, reference, name, eyeBlinkLeft=blink, eyeBlinkRight=blink)
    yawed = _measured(stage, reference, name, headYaw=turn)
    pitched = _measured(stage, reference, name, headPitch=turn)
    lag, speech_r = best_lag(opening, speech.gap, MAX_LAG_FRAMES)
    silent = _settled_silence(opening)
    return RigScore(
        name=name,
        sweep_r=correlation(sweep, swept.gap),
        speech_r=speech_r,
        lag_frames=lag,
        closed=float((speech.gap[silent] < CLOSED_GAP).mean()),
        rest_gap=float(np.median(speech.gap[silent])),
        ear_shut=float(blinked.ear[blink == 1].mean() / blinked.ear[blink == 0].mean()),
        ear_r=correlation(blink, blinked.ear),
        yaw_gain=float(np.polyfit(turn, yawed.yaw, 1)[0]),
        pitch_gain=float(np.polyfit(turn, pitched.pitch, 1)[0]),
        found=float(np.mean([t.found.mean() for t in (speech, swept, blinked, yawed, pitched)])),
    )


def speech_like_opening(n_frames: int = 120, seed: int = 0) -> Curve:
    """Syllables at 3 to 6 Hz of random size, with two silences of half a second and more."""
    random = np.random.default_rng(seed)
    opening = np.zeros(n_frames)
    frame = 5.0
    while frame < n_frames:
        length, size = random.uniform(4, 8), random.uniform(0.15, _MAX_OPENING)
        inside = np.abs(np.arange(n_frames) - frame) < length / 2
        bump = np.cos((np.arange(n_frames) - frame) * np.pi / length) ** 2 * size
        opening = np.maximum(opening, np.where(inside, bump, 0))
        frame += 0.8 * length
    for low, high in ((0.30, 0.45), (0.75, 0.95)):
        opening[round(low * n_frames) : round(high * n_frames)] = 0
    return opening


def render_motion(stage: AnyStage, reference: Reference, motion: F32) -> Iterator[U8]:
    """The frames of `motion` [T, 58], one by one, uint8 RGB."""
    state = stage.start(References((reference,)))
    for first in range(0, len(motion), 8):
        values = motion[first : first + 8]
        block = LatentBlock(Header(), MOTION_ARKIT, values, first, len(values))
        for made in stage.step(block, state):
            yield from made.frames
    for made in stage.finish(state):
        yield from made.frames


def motion_of(n_frames: int, **curves: Curve) -> F32:
    """Motion [T, 58], zero but for the named controls."""
    motion = np.zeros((n_frames, MOTION_WIDTH), np.float32)
    for name, curve in curves.items():
        motion[:, INDEX[name]] = curve
    return motion


def _measured(stage: AnyStage, reference: Reference, name: str, **curves: Curve) -> FaceTrack:
    motion = motion_of(len(next(iter(curves.values()))), **curves)
    return track_frames(render_motion(stage, reference, motion), name)


def _ramp(height: float, two_sided: bool = False) -> Curve:
    """From 0 (or -`height`) to `height`, held at both ends."""
    low = -height if two_sided else 0.0
    return np.concatenate([np.full(4, low), np.linspace(low, height, 12), np.full(4, height)])


def _settled_silence(opening: Curve) -> Curve:
    """Frames in silences longer than 0.3 s (8 frames), the first three of each left out."""
    quiet = np.concatenate([[0], (opening == 0).astype(int), [0]])
    starts, ends = np.flatnonzero(np.diff(quiet) == 1), np.flatnonzero(np.diff(quiet) == -1)
    silent = np.zeros(len(opening), bool)
    for start, end in zip(starts, ends, strict=True):
        if end - start >= 8:
            silent[start + _SETTLE_FRAMES : end] = True
    return silent
