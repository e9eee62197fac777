"""Performances: seeded `motion/arkit-1` far livelier than `latents/idle`.

Heads turn up to +-12 degrees, brows, gaze, blinks and smiles come in all strengths; some clips
hardly move, some never rest. The mouth comes from `voices`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.spaces import INDEX, MOTION_NAMES
from talking_portrait_ros.training.corpus.chance import stream, wander
from talking_portrait_ros.training.corpus.config import CorpusConfig

Floats = NDArray[np.floating[Any]]

FPS = 25
WIDEST_RAD = np.radians(12.0)
_FULL_LOOK_RAD = 0.6  # that a look of 1 turns the eye
_TURNS = ("headYaw", "headRoll", "headX")
_PAIRS = [(INDEX[name], INDEX[name[:-4] + "Right"]) for name in MOTION_NAMES
          if name.endswith("Left")]  # fmt: skip


@dataclass(frozen=True)
class Temper:
    """How a performance moves.

    Attributes:
        reach: of head rotation about its middle, radians.
        speed: 1 is usual; more is quicker.
        life: strength of brows, smiles and lids.
    """

    reach: float
    speed: float
    life: float

    @classmethod
    def draw(cls, generator: np.random.Generator, config: CorpusConfig) -> Temper:
        """Static, calm, lively or vigorous."""
        if generator.random() < config.still:
            return cls(0.0, 1.0, config.expression * generator.uniform(0, 0.5))
        degrees = np.exp(generator.uniform(np.log(1.5), np.log(14.0)))
        speed = np.exp(generator.uniform(np.log(0.5), np.log(2.5)))
        life = config.expression * generator.uniform(0.3, 1.3)
        return cls(config.pose * float(np.radians(degrees)), float(speed), life)


def performance(seed: int, n_frames: int, mouth: F32, config: CorpusConfig) -> F32:
    """Motion of a clip, [T, 58].

    Args:
        seed: of the performance.
        n_frames: its length.
        mouth: what the speech asks of the mouth, [T, 58].
        config: amplitudes.
    """
    temper = Temper.draw(stream(seed, "temper"), config)
    motion = mouth.copy()
    _move_head(motion, seed, n_frames, temper, config)
    _move_brows(motion, seed, n_frames, temper)
    _move_corners(motion, seed, n_frames, temper)
    _move_lids(motion, seed, n_frames, temper)
    _move_gaze(motion, seed, n_frames, temper)
    motion[:, :52] = motion[:, :52].clip(0, 1)
    return motion


def mirrored(motion: F32) -> F32:
    """The motion that is seen in the mirrored picture, [T, 58]."""
    turned = motion.copy()
    for left, right in _PAIRS:
        turned[:, [left, right]] = motion[:, [right, left]]
    turned[:, [INDEX[name] for name in _TURNS]] *= -1
    return turned


def _put(motion: F32, name: str, values: Floats) -> None:
    motion[:, INDEX[name]] += values


def _sway(seed: int, name: str, n_frames: int, temper: Temper) -> F32:
    """Slow wandering with some quicker in it, about -1..1."""
    slow = wander(stream(seed, name, 0), n_frames, 45 / temper.speed)
    quick = wander(stream(seed, name, 1), n_frames, 14 / temper.speed)
    return np.asarray(1.5 * slow + 0.45 * quick, np.float32)


def _move_head(
    motion: F32, seed: int, n_frames: int, temper: Temper, config: CorpusConfig
) -> None:
    generator = stream(seed, "head")
    shares = {"headPitch": 0.75, "headYaw": 1.0, "headRoll": 0.6}
    for name, share in shares.items():
        middle = 0.45 * share * config.pose * WIDEST_RAD * generator.uniform(-1, 1)
        angle = middle + share * temper.reach * _sway(seed, name, n_frames, temper)
        widest = WIDEST_RAD * max(share, 0.9) * max(config.pose, 1.0)
        # Soft ends: a head does not stop as at a wall.
        _put(motion, name, np.asarray(widest * np.tanh(angle / widest), np.float32))
    for name, width in {"headX": 0.06, "headY": 0.04, "headZ": 0.05}.items():
        middle = config.pose * width * generator.uniform(-0.6, 0.6)
        moved = temper.reach / WIDEST_RAD * width * _sway(seed, name, n_frames, temper)
        _put(motion, name, np.clip(middle + moved, -1.6 * width, 1.6 * width).astype(np.float32))
    nods = np.abs(wander(stream(seed, "nods"), n_frames, 5 / temper.speed)) ** 2
    _put(motion, "headPitch", 0.25 * temper.reach * nods)


def _move_brows(motion: F32, seed: int, n_frames: int, temper: Temper) -> None:
    generator = stream(seed, "brows")
    lift = generator.uniform(-0.4, 0.5) + 1.1 * _sway(seed, "lift", n_frames, temper)
    lift *= temper.life
    tilt = generator.uniform(-0.3, 0.3) * temper.life
    up, down = np.maximum(lift, 0), np.maximum(-lift, 0)
    _put(motion, "browInnerUp", up)
    for side, sign in (("Left", 1), ("Right", -1)):
        _put(motion, f"browOuterUp{side}", np.maximum(0.8 * up + sign * tilt, 0))
        _put(motion, f"browDown{side}", np.maximum(0.8 * down - sign * tilt, 0))


def _move_corners(motion: F32, seed: int, n_frames: int, temper: Temper) -> None:
    """Smiles and their opposite; now and then a pout, a sneer, puffed cheeks."""
    generator = stream(seed, "corners")
    mood = generator.normal(0.15, 0.4) + 0.9 * _sway(seed, "mood", n_frames, temper)
    mood = temper.life * mood
    tilt = 0.25 * temper.life * _sway(seed, "tilt", n_frames, temper)
    for side, sign in (("Left", 1), ("Right", -1)):
        smile = np.maximum(mood + sign * tilt, 0)
        _put(motion, f"mouthSmile{side}", 0.8 * smile)
        _put(motion, f"cheekSquint{side}", 0.6 * smile)
        _put(motion, f"eyeSquint{side}", 0.4 * smile)
        _put(motion, f"mouthFrown{side}", 0.7 * np.maximum(-mood, 0))
    rare = {
        "mouthDimple": 0.5, "mouthStretch": 0.5, "mouthPress": 0.5, "noseSneer": 0.7,
        "mouthUpperUp": 0.35, "mouthLowerDown": 0.35,
    }  # fmt: skip
    for name, most in rare.items():
        pulse = most * temper.life * _pulses(seed, name, n_frames, temper)
        _put(motion, f"{name}Left", pulse)
        _put(motion, f"{name}Right", pulse)
    for name, most in {"cheekPuff": 0.7, "mouthShrugLower": 0.6, "mouthShrugUpper": 0.4,
                       "mouthPucker": 0.5, "mouthLeft": 0.6, "mouthRight": 0.6,
                       "jawLeft": 0.4, "jawRight": 0.4}.items():  # fmt: skip
        _put(motion, name, most * temper.life * _pulses(seed, name, n_frames, temper))


def _pulses(seed: int, name: str, n_frames: int, temper: Temper) -> F32:
    """0 most of the time, now and then up to 1 and back."""
    curve = wander(stream(seed, name), n_frames, 16 / temper.speed)
    return np.clip((np.abs(curve) - 0.35) / 0.3, 0, 1).astype(np.float32)


def _move_lids(motion: F32, seed: int, n_frames: int, temper: Temper) -> None:
    generator = stream(seed, "lids")
    often_s = np.exp(generator.uniform(np.log(0.8), np.log(5.0)))
    shut = np.zeros(n_frames, np.float32)
    start = generator.uniform(-0.5, often_s) * FPS
    while start < n_frames:
        closing, resting, opening = generator.uniform((1.5, 0, 3), (3.5, 3, 8))
        frames = np.arange(n_frames) - start
        down = _smoothstep(frames / closing) - _smoothstep((frames - closing - resting) / opening)
        shut = np.maximum(shut, np.float32(generator.uniform(0.75, 1.0)) * down.astype(np.float32))
        start += closing + resting + opening + FPS * generator.exponential(often_s)
    mood = temper.life * _sway(seed, "lids wide", n_frames, temper)
    drowsy = 0.3 * temper.life * max(generator.uniform(-1.5, 1), 0)
    wink = generator.uniform(0.3, 0.9) if generator.random() < 0.06 else 1.0
    for side in ("Left", "Right"):
        blink = shut * (wink if side == "Left" else 1.0)
        _put(motion, f"eyeBlink{side}", np.maximum(blink, drowsy).astype(np.float32))
        _put(motion, f"eyeWide{side}", 0.6 * np.maximum(mood, 0) * (1 - shut))
        _put(motion, f"eyeSquint{side}", 0.5 * np.maximum(-mood, 0))


def _move_gaze(motion: F32, seed: int, n_frames: int, temper: Temper) -> None:
    """Fixations with quick saccades between them; more or less at the camera."""
    generator = stream(seed, "gaze")
    held = generator.uniform()  # how much the eyes make up for the head
    reach = temper.life * generator.uniform(0.05, 0.7)
    x, y = np.zeros(n_frames, np.float32), np.zeros(n_frames, np.float32)
    place, start = np.zeros(2), 0.0
    frames = np.arange(n_frames)
    while start < n_frames:
        target = reach * np.array([generator.normal(), 0.6 * generator.normal()])
        way = _smoothstep((frames - start) / 1.5)
        for line, step in zip((x, y), target - place, strict=True):
            line += way * step
        place[:] = target
        start += FPS * (0.2 + generator.exponential(0.9))
    x -= held * motion[:, INDEX["headYaw"]] / _FULL_LOOK_RAD
    y -= held * motion[:, INDEX["headPitch"]] / _FULL_LOOK_RAD
    right, left, down, up = (np.clip(v, 0, 1) for v in (x, -x, y, -y))
    for name, values in {"eyeLookOutLeft": right, "eyeLookInRight": right, "eyeLookInLeft": left,
                         "eyeLookOutRight": left, "eyeLookDownLeft": down,
                         "eyeLookDownRight": down, "eyeLookUpLeft": up,
                         "eyeLookUpRight": up}.items():  # fmt: skip
        _put(motion, name, values)


def _smoothstep(t: Floats) -> Floats:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)
