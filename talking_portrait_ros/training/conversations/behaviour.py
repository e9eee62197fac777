"""The behaviour model: what the face does besides articulating, as a seeded process.

It is ours. It was written down from what is commonly described of conversation (nods, brow raises
and blinks at the partner's phrase ends; gaze away at the beginning of a turn and back at its end;
accents on stressed syllables; laughter that is answered by a smile) with amplitudes and rates
chosen by eye. Nothing in it was learned or measured from people, and a generator that learns from
it learns these rules.

Whatever it reacts to lies in the sound that a causal listener has heard by then (60 ms later for
the own voice); all else is chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from talking_portrait_ros.latents.audio_regression.mouth import mouth_motion
from talking_portrait_ros.latents.idle import IdleConfig, IdleLife
from talking_portrait_ros.spaces import INDEX, MOTION_WIDTH
from talking_portrait_ros.training.conversations.conversation import Frames
from talking_portrait_ros.training.conversations.track import FRAME_S, Track
from talking_portrait_ros.training.corpus.chance import stream

Curve = NDArray[np.floating[Any]]  # [T]

LOOKAHEAD_S = 0.06  # of the own voice
LATENCY_S = (0.2, 0.35)  # of a listener's reaction
NOD, NOD_BEFORE_BACKCHANNEL, BROW, BLINK = 0.55, 0.9, 0.3, 0.5  # probabilities at a phrase end
HOLD_FRAMES = 2  # the lips stay as they are so long after the last sound,
RELEASE_FRAMES = 3  # and shut within so many more
ACCENT_GAP_S = 1.0
FULL_LOOK_RAD = 0.6  # that a look of 1 turns the eye
WIDEST_RAD = {"headPitch": 0.2, "headYaw": 0.22, "headRoll": 0.14}
SACCADE_S = 0.05


class Performance:
    """Motion of one face, built part by part.

    Attributes:
        motion: `motion/arkit-1` [T, 58].
        events: times in seconds at which nods, brow raises and blinks begin, by kind.
    """

    def __init__(self, own: Track, partner: Track, seed: int) -> None:
        """Perform `own` while `partner` is heard."""
        self.own, self.partner, self.seed = own, partner, seed
        self.events: dict[str, list[float]] = {"nod": [], "brow": [], "blink": []}
        self.motion = np.zeros((own.n_frames, MOTION_WIDTH), np.float32)
        self._times = np.arange(own.n_frames) * FRAME_S
        self._speaking = own.speaking()
        self._articulate()
        self._idle()
        self._accentuate()
        self._react()
        self._smile()
        self._look()
        self._blink()
        self._bound()

    def event_frames(self) -> dict[str, Frames]:
        """The events as frames, ascending."""
        frames = {
            kind: np.sort(np.round(np.asarray(at) / FRAME_S)) for kind, at in self.events.items()
        }
        return {kind: at[at < len(self.motion)].astype(np.int64) for kind, at in frames.items()}

    def _articulate(self) -> None:
        """The lip trainer's mouth, shut where a causal listener hears nobody speak."""
        heard = self.own.heard(LOOKAHEAD_S)
        gate = np.zeros(len(heard), np.float32)
        since = HOLD_FRAMES + RELEASE_FRAMES
        for index, is_heard in enumerate(heard):
            since = 0 if is_heard else since + 1
            gate[index] = np.clip(1 - (since - HOLD_FRAMES) / RELEASE_FRAMES, 0, 1)
        self.motion += mouth_motion(self.own.articulation(), gate, 1.0)

    def _idle(self) -> None:
        """Breathing, drift, a trace of smile; livelier while speaking."""
        seed = int(stream(self.seed, "idle").integers(2**31))
        life = IdleLife(IdleConfig(seed=seed, blink=0.0, gaze=0.0, brow=0.5), round(1 / FRAME_S))
        quiet = np.zeros(len(self.motion), np.float32)
        self.motion += life.step(0, self._speaking.astype(np.float32), quiet, life.start())

    def _accentuate(self) -> None:
        """Head and brow on stressed syllables of the own voice."""
        chance = stream(self.seed, "accents")
        free_s = 0.0
        for time_s in self.own.stresses:
            if time_s < free_s:
                continue
            free_s = time_s + ACCENT_GAP_S
            head, brow = chance.random(2)
            if head < 0.5:
                size = math.radians(chance.uniform(1.2, 3.2))
                self._add("headPitch", size * self._bump(time_s, 0.16, 0.1, 0.3))
                self._add(
                    "headRoll",
                    0.3 * size * chance.uniform(-1, 1) * self._bump(time_s, 0.2, 0.1, 0.4),
                )
            if brow < 0.3:
                self._raise_brows(time_s, chance.uniform(0.2, 0.5), chance.uniform(0.1, 0.4))

    def _react(self) -> None:
        """A listener's nods, brow raises and blinks at the partner's phrase ends."""
        chance = stream(self.seed, "listening")
        backchannels = [said.start_s for said in self.own.said if said.kind == "backchannel"]
        free_s = 0.0
        for end_s in self.partner.phrase_ends:
            latency = chance.uniform(*LATENCY_S, 3)
            nod, brow, blink = chance.random(3)
            size, cycles, lift = (
                chance.uniform(2.5, 6.0),
                int(chance.choice(3, p=(0.45, 0.4, 0.15))) + 1,
                chance.random(),
            )
            if self._is_speaking(end_s + latency[0]):
                continue
            answers = any(0 < start - end_s < 0.6 for start in backchannels)
            if nod < (NOD_BEFORE_BACKCHANNEL if answers else NOD) and end_s > free_s:
                self._nod(end_s + latency[0], math.radians(size), cycles)
                free_s = end_s + 0.45 * cycles + 0.4
            if brow < BROW:
                self.events["brow"].append(end_s + latency[1])
                self._raise_brows(end_s + latency[1], 0.3 + 0.3 * lift, 0.2 + 0.4 * lift)
            if blink < BLINK:
                self.events["blink"].append(end_s + latency[2])

    def _nod(self, start_s: float, size: float, cycles: int) -> None:
        """Down and up again, `cycles` times, each smaller; begins and ends without a jerk."""
        self.events["nod"].append(start_s)
        for index in range(cycles):
            down = self._bump(start_s + 0.44 * index, 0.2, 0.02, 0.24)
            self._add("headPitch", size * 0.65**index * down)

    def _raise_brows(self, start_s: float, lift: float, hold_s: float) -> None:
        raised = lift * self._bump(start_s, 0.18, hold_s, 0.35)
        self._add("browInnerUp", raised)
        for side in ("Left", "Right"):
            self._add(f"browOuterUp{side}", 0.7 * raised)

    def _smile(self) -> None:
        """Own laughter smiles; the partner's is answered by a smile."""
        chance = stream(self.seed, "smile")
        for laughs, delays in ((self.own.laughs, (0.12, 0.2)), (self.partner.laughs, (0.4, 0.7))):
            for start_s, end_s in laughs:
                delay, size, stay = chance.uniform((delays[0], 0.3, 0.5), (delays[1], 0.6, 1.5))
                bump = size * self._bump(start_s + delay, 0.4, max(end_s - start_s, 0) + stay, 0.9)
                for side in ("Left", "Right"):
                    self._add(f"mouthSmile{side}", bump)
                    self._add(f"cheekSquint{side}", 0.5 * bump)
                    self._add(f"eyeSquint{side}", 0.3 * bump)

    def _look(self) -> None:
        """The eyes rest on the partner; they leave at the beginning of a turn, and in idleness."""
        x, y = self._fixations()
        follow = np.asarray(lfilter([0.14], [1, -0.86], lfilter([0.14], [1, -0.86], x)))
        self._add("headYaw", 0.3 * FULL_LOOK_RAD * follow)
        x = x - self.motion[:, INDEX["headYaw"]] / FULL_LOOK_RAD
        y = y - self.motion[:, INDEX["headPitch"]] / FULL_LOOK_RAD
        right, left, down, up = (np.clip(v, 0, 1) for v in (x, -x, y, -y))
        for name, values in {"eyeLookOutLeft": right, "eyeLookInRight": right,
                             "eyeLookInLeft": left, "eyeLookOutRight": left,
                             "eyeLookDownLeft": down, "eyeLookDownRight": down,
                             "eyeLookUpLeft": up, "eyeLookUpRight": up}.items():  # fmt: skip
            self._add(name, values)

    def _fixations(self) -> tuple[Curve, Curve]:
        """Where the eyes look, each [T]; right and down are positive."""
        glances = self._glances()
        places = [place for place in self._small_saccades()
                  if not any(start <= place[0] < end for start, end, _, _ in glances)]  # fmt: skip
        for start_s, end_s, to_x, to_y in glances:
            places += [(start_s, to_x, to_y), (end_s, 0.0, 0.0)]
        x, y = np.zeros(len(self._times)), np.zeros(len(self._times))
        last = (0.0, 0.0)
        for start_s, to_x, to_y in sorted(places):
            way = _smoothstep((self._times - start_s) / SACCADE_S)
            x += way * (to_x - last[0])
            y += way * (to_y - last[1])
            last = (to_x, to_y)
        return x, y

    def _glances(self) -> list[tuple[float, float, float, float]]:
        """Glances away (start, end, x, y): at turn beginnings, in speech, in silences."""
        chance = stream(self.seed, "glances")
        starts = [
            start_s + chance.uniform(0.1, 0.25)
            for (start_s, _), (_, before_s) in zip(
                self.own.speech, [(0.0, -9.0), *self.own.speech], strict=False
            )
            if start_s - before_s > 0.6 and chance.random() < 0.5
        ]
        time_s = 0.0
        while (time_s := time_s + chance.exponential(2.5)) < self._times[-1]:
            index = int(time_s / FRAME_S)
            recent = slice(max(index - 50, 0), index + 1)
            quiet = not self._speaking[recent].any() and not self._partner_spoke(recent)
            if chance.random() < (0.5 if self._speaking[index] else 0.45 if quiet else 0.06):
                starts.append(time_s)
        glances, free_s = [], 0.0
        for start_s in sorted(starts):
            side = chance.choice((-1.0, 1.0)) * chance.uniform(0.1, 0.32)
            end_s = start_s + self._glance_s(start_s, chance)
            if start_s >= free_s:
                glances.append((start_s, end_s, float(side), chance.uniform(-0.14, 0.1)))
                free_s = end_s + 0.3
        return glances

    def _glance_s(self, start_s: float, chance: np.random.Generator) -> float:
        """How long a glance lasts: never far beyond the end of the own phrase."""
        ends = [end + chance.uniform(0.05, 0.2) for _, end in self.own.speech if end > start_s]
        return float(min(chance.uniform(0.4, 1.6), ends[0] - start_s if ends else np.inf))

    def _small_saccades(self) -> Iterable[tuple[float, float, float]]:
        chance = stream(self.seed, "saccades")
        time_s = 0.0
        while (time_s := time_s + 0.4 + chance.exponential(1.3)) < self._times[-1]:
            yield time_s, chance.uniform(-0.03, 0.03), chance.uniform(-0.02, 0.02)

    def _blink(self) -> None:
        """Log-normal intervals about 3.5 s, more at phrase ends, never two within 0.4 s."""
        chance = stream(self.seed, "blinks")
        starts = list(self.events["blink"])
        time_s = chance.uniform(0.3, 3.0)
        while time_s < self._times[-1]:
            starts.append(float(time_s))
            time_s += 0.4 + 3.2 * math.exp(0.5 * float(np.clip(chance.normal(), -2, 2)))
        starts += [end + chance.uniform(0.1, 0.25) for end in self.own.phrase_ends
                   if chance.random() < 0.4]  # fmt: skip
        kept: list[float] = []
        for start_s in sorted(starts):
            if not kept or start_s - kept[-1] > 0.4:
                kept.append(start_s)
        shut: Curve = np.zeros(len(self._times))
        for start_s in kept:
            close, stay, opening = chance.uniform((0.07, 0.04, 0.13), (0.11, 0.06, 0.24))
            shut = np.maximum(shut, self._bump(start_s, close, stay, opening))
        for side in ("Left", "Right"):
            self._add(f"eyeBlink{side}", shut)
        self.events["blink"] = kept

    def _bound(self) -> None:
        """Weights within 0..1; a head that turns softly up to its limits."""
        self.motion[:, :52] = self.motion[:, :52].clip(0, 1)
        for name, widest in WIDEST_RAD.items():
            column = self.motion[:, INDEX[name]]
            column[:] = widest * np.tanh(column / widest)

    def _add(self, name: str, values: Curve) -> None:
        self.motion[:, INDEX[name]] += np.asarray(values, np.float32)

    def _bump(self, start_s: float, rise_s: float, hold_s: float, fall_s: float) -> Curve:
        """0, up to 1 within `rise_s`, held, down again, [T]; without a jerk."""
        since = self._times - start_s
        up, down = since / rise_s, (since - rise_s - hold_s) / fall_s
        return _smoothstep(up) - _smoothstep(down)

    def _is_speaking(self, time_s: float) -> bool:
        index = min(int(time_s / FRAME_S), len(self._speaking) - 1)
        return bool(self._speaking[index])

    def _partner_spoke(self, recent: slice) -> bool:
        low, high = recent.start * FRAME_S, recent.stop * FRAME_S
        return any(start < high and end > low for start, end in self.partner.speech)


def _smoothstep(t: Curve) -> Curve:
    t = np.clip(t, 0, 1)
    return np.asarray(t**3 * (10 - 15 * t + 6 * t * t))
