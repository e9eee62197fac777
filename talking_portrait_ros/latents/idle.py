"""Idle life: what a face does besides talking.

Blinks, fixations and saccades, breathing, slow head drift, and accents of brow and head on
stressed syllables. A seeded process: everything but the accents is a function of the seed and
the frame index alone; the accents follow the speech that the caller hears. Generators add this
to the mouth that they make.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.config import Config, param
from talking_portrait_ros.latents.noise import draws, smooth_noise
from talking_portrait_ros.spaces import MOTION_NAMES

SEGMENT_S = 20  # blinks and fixations are drawn anew for each such stretch
BLINK, GAZE, YAW, PITCH, ROLL, SIDE, BREATH, BROW, SMILE, ACCENT = range(10)  # chance streams

_COLUMN = {name: i for i, name in enumerate(MOTION_NAMES)}
_FULL_LOOK = 0.6  # radians that a look of 1 turns the eye
_SACCADE_S = 0.05
_STRESS_AT = 0.5  # a stress that rises through this is an accent
_ACCENT_GAP_S, _ACCENT_HOLD_S, _ACCENT_RATE_HZ = 0.6, 0.2, 1.6


@dataclass(frozen=True)
class IdleConfig(Config):
    """How lively the face is; every amplitude of 0 switches its motion off exactly."""

    seed: int = param(0, "which of the endless idle performances", minimum=0)
    blink: float = param(1.0, "how far blinks close", minimum=0, maximum=2, live=True)
    gaze: float = param(1.0, "how far the eyes wander", minimum=0, maximum=2, live=True)
    breathing: float = param(1.0, "sway of breathing", minimum=0, maximum=2, live=True)
    head: float = param(1.0, "head drift and nods", minimum=0, maximum=2, live=True)
    brow: float = param(1.0, "brow accents", minimum=0, maximum=2, live=True)
    smile: float = param(1.0, "life in the mouth corners", minimum=0, maximum=2, live=True)


@dataclass
class Accent:
    """One smoothed accent: a pulse that is followed by a critically damped spring."""

    goal: float = 0.0
    hold_frames: int = 0
    value: float = 0.0
    speed: float = 0.0

    def start(self, goal: float, hold_frames: int) -> None:
        """Begin a pulse."""
        self.goal, self.hold_frames = goal, hold_frames

    def follow(self, rate: float) -> float:
        """One frame on; `rate` is the spring's angular frequency per frame."""
        goal = self.goal if self.hold_frames > 0 else 0.0
        self.hold_frames -= 1
        gap = self.value - goal
        push = (self.speed + rate * gap) * math.exp(-rate)
        self.value = goal + gap * math.exp(-rate) + push
        self.speed = push - rate * (self.value - goal)
        return self.value


@dataclass
class IdleState:
    """What the speech so far has set in motion.

    Attributes:
        speaking: smoothed speech probability.
        last_stress: stress of the frame before.
        rest_frames: frames until the next accent may begin.
        nod: pitch of the running nod, 0..1.
        brow: lift of the running brow accent, 0..1.
    """

    speaking: float
    last_stress: float
    rest_frames: int
    nod: Accent
    brow: Accent


class IdleLife:
    """Idle motion at a frame rate. Holds no memory; the accents' memory is in the state."""

    def __init__(self, config: IdleConfig, fps: int) -> None:
        self.config = config
        self.fps = fps

    def start(self) -> IdleState:
        """A face at rest."""
        return IdleState(0.0, 0.0, 0, Accent(), Accent())

    def step(self, first_frame: int, speech: F32, stress: F32, state: IdleState) -> F32:
        """Idle motion of the next frames.

        Args:
            first_frame: index of the first frame; any number, streams may begin anywhere.
            speech: probability of speech per frame, 0..1, [T].
            stress: prominence of the syllable per frame, 0..1, [T].
            state: updated in place.

        Returns:
            `motion/arkit-1` [T, 58] with eyes, brows, head and a trace of smile; no other mouth.

        Raises:
            ValueError: `speech` and `stress` differ in shape.
        """
        if speech.shape != stress.shape or speech.ndim != 1:
            raise ValueError(
                f"IdleLife: speech {speech.shape} and stress {stress.shape} must both be [T]"
            )
        motion = np.zeros((len(speech), len(MOTION_NAMES)), np.float32)  # [T, 58]
        for i, row in enumerate(motion):
            frame = first_frame + i
            self._listen(frame, float(speech[i]), float(stress[i]), state)
            for name, value in self._frame(frame, state).items():
                row[_COLUMN[name]] = value
        return motion

    def _listen(self, frame: int, speech: float, stress: float, state: IdleState) -> None:
        """Take in one frame of speech; a stressed syllable may start a nod, a brow, or both."""
        state.speaking += (speech - state.speaking) * (1 - math.exp(-1 / (0.4 * self.fps)))
        rises = state.last_stress < _STRESS_AT <= stress
        if rises and speech >= 0.5 and state.rest_frames <= 0:
            chance = draws(self.config.seed, ACCENT, frame)
            hold = round(_ACCENT_HOLD_S * self.fps)
            if next(chance) < 0.45:
                state.nod.start(0.5 + 0.5 * next(chance), hold)
            if next(chance) < 0.35:
                state.brow.start(0.5 + 0.5 * next(chance), hold)
            state.rest_frames = round(_ACCENT_GAP_S * self.fps)
        state.rest_frames = max(state.rest_frames - 1, 0)
        state.last_stress = stress
        rate = 2 * math.pi * _ACCENT_RATE_HZ / self.fps
        state.nod.follow(rate)
        state.brow.follow(rate)

    def _frame(self, frame: int, state: IdleState) -> dict[str, float]:
        head = self._head(frame, state)
        return {
            **head,
            **self._gaze(frame, head),
            **self._blink(frame),
            **self._brow(frame, state),
            **self._smile(frame),
        }

    def _head(self, frame: int, state: IdleState) -> dict[str, float]:
        """Drift, nods and breathing: radians and face widths."""
        lively = self.config.head * (1 + 0.4 * state.speaking)
        breath = self.config.breathing * self._breath(frame)
        nod = self.config.head * math.radians(2.8) * state.nod.value
        drift_pitch = math.radians(4.1) * self._wander(PITCH, frame)
        return {
            "headPitch": lively * drift_pitch + nod - 0.006 * breath,
            "headYaw": lively * math.radians(5.8) * self._wander(YAW, frame),
            "headRoll": lively * math.radians(2.2) * self._wander(ROLL, frame),
            "headX": lively * 0.012 * self._wander(SIDE, frame),
            "headY": -0.005 * breath + 0.2 * nod,
            "headZ": 0.004 * breath,
        }

    def _wander(self, stream: int, frame: int) -> float:
        """Slow smooth noise within -1..1, with some quicker in it."""
        seed = self.config.seed
        slow = smooth_noise(seed, 16 + 2 * stream, frame, round(2.4 * self.fps))
        quick = smooth_noise(seed, 17 + 2 * stream, frame, round(0.8 * self.fps))
        return 0.8 * slow + 0.2 * quick

    def _breath(self, frame: int) -> float:
        """-1..1, about a quarter of a hertz, in quicker than out."""
        turns = math.fmod(0.25 * frame, self.fps) / self.fps
        shift = smooth_noise(self.config.seed, BREATH, frame, 6 * self.fps)
        phase = 2 * math.pi * turns + 1.5 * shift
        return math.sin(phase + 0.35 * math.sin(phase))

    def _gaze(self, frame: int, head: dict[str, float]) -> dict[str, float]:
        """Fixations; the eyes stay on the camera while the head drifts."""
        x, y = self._fixation(frame)
        x = self.config.gaze * (x - head["headYaw"] / _FULL_LOOK)
        y = self.config.gaze * (y - head["headPitch"] / _FULL_LOOK)
        right, left = min(max(x, 0.0), 1.0), min(max(-x, 0.0), 1.0)
        down, up = min(max(y, 0.0), 1.0), min(max(-y, 0.0), 1.0)
        return {
            "eyeLookOutLeft": right, "eyeLookInRight": right,
            "eyeLookInLeft": left, "eyeLookOutRight": left,
            "eyeLookDownLeft": down, "eyeLookDownRight": down,
            "eyeLookUpLeft": up, "eyeLookUpRight": up,
        }  # fmt: skip

    def _fixation(self, frame: int) -> tuple[float, float]:
        segment, rest = divmod(frame, SEGMENT_S * self.fps)
        fixations = _fixations(self.config.seed, segment)
        time_s = rest / self.fps
        now = bisect_right(fixations, time_s, key=lambda fixation: fixation[0]) - 1
        start_s, x, y = fixations[now]
        _, old_x, old_y = fixations[max(now - 1, 0)]
        way = _smoothstep((time_s - start_s) / _SACCADE_S)
        return old_x + (x - old_x) * way, old_y + (y - old_y) * way

    def _blink(self, frame: int) -> dict[str, float]:
        segment, rest = divmod(frame, SEGMENT_S * self.fps)
        time_s = rest / self.fps
        shut = 0.0
        for start_s, close_s, open_s in _blinks(self.config.seed, segment):
            since_s = time_s - start_s
            opening_s = since_s - close_s - 1 / self.fps  # shut for at least one frame
            shut = max(shut, _smoothstep(since_s / close_s) - _smoothstep(opening_s / open_s))
        weight = min(self.config.blink * shut, 1.0)
        return {"eyeBlinkLeft": weight, "eyeBlinkRight": weight}

    def _brow(self, frame: int, state: IdleState) -> dict[str, float]:
        rest = 0.08 * max(self._wander(BROW, frame), 0.0)
        lift = min(self.config.brow * (0.45 * max(state.brow.value, 0.0) + rest), 1.0)
        outer = 0.6 * lift
        return {"browInnerUp": lift, "browOuterUpLeft": outer, "browOuterUpRight": outer}

    def _smile(self, frame: int) -> dict[str, float]:
        both, tilt = self._wander(SMILE, frame), self._wander(ACCENT, frame)
        left, right = 0.03 + 0.04 * both + 0.02 * tilt, 0.03 + 0.04 * both - 0.02 * tilt
        return {
            "mouthSmileLeft": self.config.smile * max(left, 0.0),
            "mouthSmileRight": self.config.smile * max(right, 0.0),
        }


@lru_cache(maxsize=8)
def _blinks(seed: int, segment: int) -> tuple[tuple[float, float, float], ...]:
    """Start, closing and opening time of the blinks of a segment, seconds; none crosses its end.

    Intervals are log-normal about 3 s; every eighth blink or so is a double one.
    """
    chance = draws(seed, BLINK, segment)
    blinks = []
    time_s = 0.3 + 2.5 * next(chance)
    while time_s < SEGMENT_S - 1:
        close_s, open_s = 0.07 + 0.04 * next(chance), 0.13 + 0.11 * next(chance)
        blinks.append((time_s, close_s, open_s))
        time_s += close_s + open_s
        if next(chance) < 0.12:
            time_s += 0.12
        else:
            normal = NormalDist().inv_cdf(min(max(next(chance), 0.02), 0.98))
            time_s += 3.0 * math.exp(0.5 * normal)
    return tuple(blinks)


@lru_cache(maxsize=8)
def _fixations(seed: int, segment: int) -> tuple[tuple[float, float, float], ...]:
    """Start (seconds) and gaze x, y of the fixations of a segment.

    A segment begins and ends at the camera; glances away are short and mostly sideways.
    """
    chance = draws(seed, GAZE, segment)
    fixations = [(0.0, 0.0, 0.0)]
    time_s = 0.6 + 2.0 * next(chance)
    while time_s < SEGMENT_S - 2.5:
        if next(chance) < 0.5:
            side = 1.0 if next(chance) < 0.5 else -1.0
            x, y = side * (0.08 + 0.2 * next(chance)), 0.16 * (next(chance) - 0.4)
            fixations.append((time_s, x, y))
            time_s += 0.35 + 0.8 * next(chance)
        x, y = 0.05 * (next(chance) - 0.5), 0.04 * (next(chance) - 0.5)
        fixations.append((time_s, x, y))
        time_s += 0.4 + 2.0 * next(chance)
    fixations.append((SEGMENT_S - 0.5, 0.0, 0.0))
    return tuple(fixations)


def _smoothstep(t: float) -> float:
    t = min(max(t, 0.0), 1.0)
    return t * t * (3 - 2 * t)
