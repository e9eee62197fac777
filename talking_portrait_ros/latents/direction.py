"""What people ask of a face besides talking: where to look, and what to feel.

A `Director` holds the wish; any thread may change it, and the generator reads it once per frame.
`Steering` is a session's way there: eyes are quick, the head follows, feelings come and go.
Without a wish nothing is changed.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.spaces import ARKIT_NAMES, INDEX

FULL_LOOK = 0.6  # radians that a look of 1 turns the eye
_HEAD_SHARE, _MOST_HEAD = 0.35, 0.3  # of a look that the head takes over, and at most, radians
_EYE_FRAMES, _HEAD_FRAMES, _MOOD_FRAMES = 1.5, 8.0, 10.0  # time constants
_LOOKS = [index for index, name in enumerate(ARKIT_NAMES) if name.startswith("eyeLook")]

_MOODS: dict[str, dict[str, float]] = {
    "neutral": {},
    "happy": {"mouthSmile": 0.7, "cheekSquint": 0.5, "eyeSquint": 0.25},
    "sad": {"mouthFrown": 0.6, "browInnerUp": 0.7, "mouthShrugLower": 0.2, "eyeSquint": 0.15},
    "surprised": {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.6, "jawOpen": 0.12},
    "angry": {"browDown": 0.8, "eyeSquint": 0.35, "noseSneer": 0.3, "mouthPress": 0.4},
    "disgusted": {"noseSneer": 0.7, "mouthUpperUp": 0.3, "browDown": 0.4, "mouthFrown": 0.3},
    "scared": {"browInnerUp": 0.9, "browOuterUp": 0.4, "eyeWide": 0.7, "mouthStretch": 0.35},
    "calm": {"mouthSmile": 0.2, "eyeSquint": 0.1},
    "tired": {"eyeBlink": 0.3, "browInnerUp": 0.2, "mouthFrown": 0.1},
    "asleep": {"eyeBlink": 1.0},
    "bored": {"eyeBlink": 0.35, "mouthFrown": 0.15, "mouthShrugLower": 0.15},
    "excited": {"mouthSmile": 0.8, "browOuterUp": 0.4, "cheekSquint": 0.3, "eyeWide": 0.25},
    "amazed": {"browInnerUp": 0.7, "browOuterUp": 0.7, "eyeWide": 0.5, "mouthSmile": 0.35},
    "confused": {"browDownLeft": 0.5, "browOuterUpRight": 0.5, "browInnerUp": 0.2,
                 "mouthPress": 0.2},
    "skeptical": {"browOuterUpLeft": 0.7, "browDownRight": 0.4, "mouthPress": 0.3},
    "suspicious": {"browDown": 0.4, "eyeSquint": 0.6, "mouthPress": 0.2},
    "annoyed": {"browDown": 0.5, "mouthPress": 0.4, "eyeSquint": 0.25},
    "furious": {"browDown": 1.0, "noseSneer": 0.5, "eyeSquint": 0.4, "mouthStretch": 0.3},
    "horrified": {"browInnerUp": 0.9, "browOuterUp": 0.5, "eyeWide": 0.9, "mouthStretch": 0.5,
                  "jawOpen": 0.15},
    "despaired": {"browInnerUp": 0.9, "mouthFrown": 0.7, "eyeSquint": 0.3},
    "pleading": {"browInnerUp": 0.9, "eyeWide": 0.2, "mouthFrown": 0.25, "mouthShrugLower": 0.3},
    "vulnerable": {"browInnerUp": 0.7, "mouthFrown": 0.2, "mouthPress": 0.2},
    "rejected": {"browInnerUp": 0.6, "mouthFrown": 0.5, "eyeBlink": 0.15},
    "disappointed": {"browInnerUp": 0.4, "mouthFrown": 0.5, "mouthPress": 0.3},
    "guilty": {"browInnerUp": 0.5, "mouthPress": 0.4, "mouthFrown": 0.3, "eyeSquint": 0.1},
    "embarrassed": {"mouthSmile": 0.25, "mouthPress": 0.4, "browInnerUp": 0.4,
                    "cheekSquint": 0.3},
}  # fmt: skip
"""Weights of each mood at full strength; a name without Left or Right means both.

Every expression of `hri_msgs/Expression` is one of them.
"""

EXPRESSIONS = tuple(_MOODS)

_CIRCLE = {  # valence and arousal of the moods between which a felt one lies (Russell 1980)
    "happy": (0.9, 0.4), "surprised": (0.2, 0.9), "scared": (-0.5, 0.85), "angry": (-0.8, 0.5),
    "sad": (-0.8, -0.5), "tired": (0.0, -0.9), "calm": (0.7, -0.6),
}  # fmt: skip


@dataclass(frozen=True)
class Gaze:
    """Where to look, as angles from straight ahead: the axes are those of `spaces`.

    Attributes:
        yaw: radians to the right edge of the picture.
        pitch: radians down.
        weight: 0 leaves the eyes as they are, 1 keeps them on the target.
    """

    yaw: float
    pitch: float
    weight: float = 1.0

    def __post_init__(self) -> None:
        _require_within("Gaze.yaw", self.yaw, -math.pi / 2, math.pi / 2)
        _require_within("Gaze.pitch", self.pitch, -math.pi / 2, math.pi / 2)
        _require_within("Gaze.weight", self.weight, 0.0, 1.0)

    @classmethod
    def at(cls, x: float, y: float, z: float, weight: float = 1.0) -> Gaze:
        """Look at a point in head coordinates, metres from between the eyes.

        Args:
            x: to the right edge of the picture.
            y: down.
            z: towards the viewer; a point behind the face cannot be looked at.
            weight: see the class.

        Raises:
            ValueError: not finite, or not in front of the face.
        """
        for name, value in (("x", x), ("y", y), ("z", z)):
            _require_within(f"Gaze.at.{name}", value, -1e6, 1e6)
        if z <= 0:
            raise ValueError(f"Gaze.at.z={z}: expected a point in front of the face, z above 0")
        return cls(math.atan2(x, z), math.atan2(y, math.hypot(x, z)), weight)


@dataclass(frozen=True)
class Expression:
    """Blendshape weights that are added to the motion, by ARKit name, 0..1."""

    weights: Mapping[str, float]

    def __post_init__(self) -> None:
        for name, value in self.weights.items():
            if name not in ARKIT_NAMES:
                raise ValueError(f"Expression.weights: {name!r} is no ARKit blendshape")
            _require_within(f"Expression.weights[{name!r}]", value, 0.0, 1.0)

    @classmethod
    def named(cls, name: str, intensity: float = 1.0) -> Expression:
        """An expression by its name in `EXPRESSIONS`.

        Raises:
            ValueError: no such name, or an intensity outside 0..1.
        """
        _require_within("expression intensity", intensity, 0.0, 1.0)
        if name not in _MOODS:
            raise ValueError(f"expression={name!r}: choose one of {', '.join(EXPRESSIONS)}")
        return cls(_both_sides({part: intensity * w for part, w in _MOODS[name].items()}))

    @classmethod
    def felt(cls, valence: float, arousal: float) -> Expression:
        """The mood at a place of the circle of valence (pleasant) and arousal, -1..1 each.

        Raises:
            ValueError: outside -1..1.
        """
        _require_within("valence", valence, -1.0, 1.0)
        _require_within("arousal", arousal, -1.0, 1.0)
        strength = min(1.0, math.hypot(valence, arousal))
        near = {
            name: max(0.0, (valence * v + arousal * a) / math.hypot(v, a)) ** 4
            for name, (v, a) in _CIRCLE.items()
        }
        total = sum(near.values()) or 1.0
        mixed: dict[str, float] = {}
        for name, share in near.items():
            for part, weight in _MOODS[name].items():
                mixed[part] = mixed.get(part, 0.0) + strength * share / total * weight
        return cls(_both_sides(mixed))

    def row(self) -> F32:
        """The weights in the order of `ARKIT_NAMES`, [52]."""
        row = np.zeros(len(ARKIT_NAMES), np.float32)
        for name, value in self.weights.items():
            row[INDEX[name]] = value
        return row


@dataclass(frozen=True)
class Direction:
    """One wish: None leaves that part of the face to the generator."""

    gaze: Gaze | None = None
    expression: Expression | None = None


class Director:
    """The wish that is in force; threads may change it while a generator reads it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wish = Direction()

    @property
    def wish(self) -> Direction:
        """What is wanted now."""
        return self._wish

    def look(self, gaze: Gaze | None) -> None:
        """Look there; None: anywhere."""
        with self._lock:
            self._wish = replace(self._wish, gaze=gaze)

    def feel(self, expression: Expression | None) -> None:
        """Show this; None: nothing in particular."""
        with self._lock:
            self._wish = replace(self._wish, expression=expression)


@dataclass
class Steering:
    """How far a session has come towards the wish.

    Attributes:
        eyes: yaw and pitch of the look, radians, [2].
        head: yaw and pitch that the head has taken over, radians, [2].
        hold: how firmly the eyes are held, 0..1.
        mood: weights of the expression, [52].
    """

    eyes: F32 = field(default_factory=lambda: np.zeros(2, np.float32))
    head: F32 = field(default_factory=lambda: np.zeros(2, np.float32))
    hold: float = 0.0
    mood: F32 = field(default_factory=lambda: np.zeros(len(ARKIT_NAMES), np.float32))

    def follow(self, row: F32, wish: Direction) -> None:
        """Turn one frame of `motion/arkit-1` [58] towards the wish, in place."""
        self._approach(wish)
        if self.hold > 1e-4:
            self._turn_head(row)
            self._turn_eyes(row)
        if self.mood.any():
            weights = row[: len(ARKIT_NAMES)]
            weights += self.mood * (1 - weights)

    def _approach(self, wish: Direction) -> None:
        gaze = wish.gaze or Gaze(0.0, 0.0, 0.0)
        if gaze.weight:
            target = np.array([gaze.yaw, gaze.pitch], np.float32)
            self.eyes = _nearer(self.eyes, target, _EYE_FRAMES)
            turned = np.clip(gaze.weight * _HEAD_SHARE * target, -_MOST_HEAD, _MOST_HEAD)
            self.head = _nearer(self.head, turned, _HEAD_FRAMES)
        else:
            self.head = _nearer(self.head, np.zeros(2, np.float32), _HEAD_FRAMES)
        self.hold += (gaze.weight - self.hold) * (1 - math.exp(-1 / _EYE_FRAMES))
        mood = wish.expression.row() if wish.expression is not None else np.zeros_like(self.mood)
        self.mood = _nearer(self.mood, mood, _MOOD_FRAMES)
        self.mood[self.mood < 1e-4] = 0.0

    def _turn_head(self, row: F32) -> None:
        row[INDEX["headYaw"]] += self.head[0]
        row[INDEX["headPitch"]] += self.head[1]

    def _turn_eyes(self, row: F32) -> None:
        """The eyes do what the head leaves to them."""
        x = (self.eyes[0] - row[INDEX["headYaw"]]) / FULL_LOOK
        y = (self.eyes[1] - row[INDEX["headPitch"]]) / FULL_LOOK
        row[_LOOKS] *= 1 - self.hold
        for name, value in _looks(float(x), float(y)).items():
            row[INDEX[name]] += self.hold * value


def _looks(x: float, y: float) -> dict[str, float]:
    right, left = min(max(x, 0.0), 1.0), min(max(-x, 0.0), 1.0)
    down, up = min(max(y, 0.0), 1.0), min(max(-y, 0.0), 1.0)
    return {
        "eyeLookOutLeft": right, "eyeLookInRight": right,
        "eyeLookInLeft": left, "eyeLookOutRight": left,
        "eyeLookDownLeft": down, "eyeLookDownRight": down,
        "eyeLookUpLeft": up, "eyeLookUpRight": up,
    }  # fmt: skip


def _nearer(now: F32, goal: F32, frames: float) -> F32:
    return np.asarray(now + (goal - now) * np.float32(1 - math.exp(-1 / frames)), np.float32)


def _both_sides(weights: Mapping[str, float]) -> dict[str, float]:
    sided: dict[str, float] = {}
    for name, value in weights.items():
        names = [name] if name in ARKIT_NAMES else [f"{name}Left", f"{name}Right"]
        sided |= dict.fromkeys(names, min(value, 1.0))
    return sided


def _require_within(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"{name}={value}: expected a number within {low:.4g} to {high:.4g}")
