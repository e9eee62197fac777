"""Runs generators on conversations, sound to motion, and gathers every dyadic figure of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil

from talking_portrait_ros.chunks import F32, AudioChunk, Header
from talking_portrait_ros.evaluation import dyadic
from talking_portrait_ros.evaluation.curves import Curve
from talking_portrait_ros.evaluation.events import FPS
from talking_portrait_ros.frames.references import AVATAR, load_references
from talking_portrait_ros.pipeline import Pipeline, build_stage
from talking_portrait_ros.presets import preset
from talking_portrait_ros.spaces import INDEX, MOTION_ARKIT
from talking_portrait_ros.training.conversations.conversation import Conversation

ANGLES = ("headPitch", "headYaw", "headRoll")
SHORTEST_LONG_MINUTES = 4
LATER_S = (5.0, 120.0)  # shifts at which a repetition would show

Watch = Callable[[Sequence[Any], str], Iterable[Any]]


class MotionSession:
    """One stream through features and latents, a frame of sound at a time."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Begin."""
        self._pipeline = pipeline
        self._state = pipeline.start(load_references([AVATAR]))
        self._position = 0

    def go_on(self, own: F32, partner: F32) -> F32:
        """The motion that more of both tracks completes, [T, 58]."""
        timebase = self._pipeline.timebase
        sound = AudioChunk(Header(), own, timebase.sample_rate_hz, self._position, partner)
        blocks: list[Any] = []
        for first in range(0, len(own), timebase.samples_per_frame):
            piece = sound.piece(first, first + timebase.samples_per_frame)
            blocks += self._pipeline.step(piece, self._state)
        self._position += len(own)
        return np.concatenate([block.values for block in blocks])


class MotionRunner:
    """Features and latents of a preset, frame by frame as in the live graph.

    Attributes:
        lookahead_ms: algorithmic delay.
        ms_per_frame: mean time of both stages for one frame, of all that was run.
    """

    def __init__(self, name: str, device: str = "cpu") -> None:
        """Build the stages of the preset `name`.

        Raises:
            ValueError: unknown preset, weights missing, or it generates no motion.
        """
        chosen = preset(name)
        stages = [(kind, build_stage(kind, getattr(chosen, kind), device))
                  for kind in ("features", "latents")]  # fmt: skip
        if stages[1][1].out_space != MOTION_ARKIT:
            raise ValueError(f"preset={name!r} makes no {MOTION_ARKIT}; choose one that does")
        self.name = name
        self._pipeline = Pipeline(stages)
        self._timebase = self._pipeline.timebase
        self.lookahead_ms = 1000 * self._pipeline.delay_samples / self._timebase.sample_rate_hz
        self._spent_s, self._n_frames = 0.0, 0

    @property
    def ms_per_frame(self) -> float:
        """See above."""
        return 1000 * self._spent_s / max(self._n_frames, 1)

    def perform(self, own: F32, partner: F32) -> F32:
        """Motion [T, 58] for two tracks, each [640 T]."""
        n_late = round(self.lookahead_ms / 1000 * self._timebase.sample_rate_hz)
        session = MotionSession(self._pipeline)
        begun = time.perf_counter()
        motion = session.go_on(np.pad(own, (0, n_late)), np.pad(partner, (0, n_late)))
        self._spent_s += time.perf_counter() - begun
        self._n_frames += len(motion)
        return motion[: len(own) // self._timebase.samples_per_frame]

    def session(self) -> MotionSession:
        """A stream that goes on."""
        return MotionSession(self._pipeline)


@dataclass(frozen=True)
class DyadicScore:
    """Every figure of one generator.

    Attributes:
        name: of the preset, or "label".
        lookahead_ms, ms_per_frame: see `MotionRunner`.
        open_share: see `dyadic.open_share`.
        answers: after the phrase ends, by condition ("partner", "silence", "other") and event.
        idle, lips: see `dyadic`; no lips where the motion of the speaker is not known.
    """

    name: str
    lookahead_ms: float
    ms_per_frame: float
    open_share: float
    answers: dict[str, dict[str, dyadic.Answers]]
    idle: dyadic.Idle
    lips: dyadic.Lips | None


def is_labelled(conversations: Sequence[Conversation]) -> bool:
    """True where the motion of the faces is known."""
    return any(one.motion.any() for one in conversations)


def score_label(conversations: Sequence[Conversation]) -> DyadicScore:
    """The labels themselves: what can be reached, and what follows other people's phrase ends."""
    motions = [one.motion for one in conversations]
    listened = {"partner": dyadic.answers(conversations, motions)}
    if len(conversations) > 1:
        listened["other"] = dyadic.answers(dyadic.with_others_ends(conversations), motions)
    return _score("label", 0.0, 0.0, conversations, motions, listened)


def score_runner(
    runner: MotionRunner, conversations: Sequence[Conversation], watch: Watch
) -> DyadicScore:
    """A generator on every conversation, and with the partner silenced and exchanged."""
    numbers = list(range(len(conversations)))
    motions = [runner.perform(conversations[i].speaker, conversations[i].partner)
               for i in watch(numbers, runner.name)]  # fmt: skip
    ms_per_frame = runner.ms_per_frame
    listening = [i for i in numbers if len(dyadic.listened_ends(conversations[i]))]
    heard = [conversations[i] for i in listening]
    listened = {"partner": dyadic.answers(heard, [motions[i] for i in listening])}
    for condition in ("silence", "other") if len(conversations) > 1 else ("silence",):
        changed = [
            runner.perform(conversations[i].speaker, _partner(condition, conversations, i))
            for i in watch(listening, f"{runner.name}, partner: {condition}")
        ]
        listened[condition] = dyadic.answers(heard, changed)
    return _score(runner.name, runner.lookahead_ms, ms_per_frame, conversations, motions, listened)


@dataclass(frozen=True)
class LongRun:
    """A generator that runs on and on.

    Attributes:
        minutes: how long.
        mean_deg, range_deg: of pitch, yaw and roll in each minute, [minutes, 3].
        drift_deg: mean of the last quarter less that of the first, per angle.
        autocorrelation: of each angle, shifts in frames, [3, shifts].
        highest_later: its largest value at shifts of `LATER_S`.
        grown_mb: memory of the process at the end less that after the first minute.
    """

    minutes: int
    mean_deg: F32
    range_deg: F32
    drift_deg: tuple[float, ...]
    autocorrelation: F32
    highest_later: float
    grown_mb: float


def run_long(
    runner: MotionRunner, conversations: Sequence[Conversation], minutes: int, watch: Watch
) -> LongRun:
    """One session of so many minutes, the conversations one after the other, again and again."""
    n_samples = minutes * 60 * 16_000
    tracks = [np.concatenate([getattr(one, side) for one in conversations])
              for side in ("speaker", "partner")]  # fmt: skip
    own, partner = (np.resize(track, n_samples) for track in tracks)
    memory_mb, heads = [], []
    process = psutil.Process()
    session, columns = runner.session(), [INDEX[name] for name in ANGLES]
    for first in watch(range(0, n_samples, 60 * 16_000), f"{runner.name}, {minutes} minutes"):
        last = first + 60 * 16_000
        heads.append(session.go_on(own[first:last], partner[first:last])[:, columns])
        memory_mb.append(process.memory_info().rss / 2**20)
    return _long_run(np.degrees(np.concatenate(heads)), minutes, memory_mb[-1] - memory_mb[0])


def _long_run(head: F32, minutes: int, grown_mb: float) -> LongRun:
    per_minute = [head[k * 60 * FPS : (k + 1) * 60 * FPS] for k in range(minutes)]
    quarter = len(head) // 4
    drift = head[-quarter:].mean(axis=0) - head[:quarter].mean(axis=0)
    curves = np.stack([autocorrelation(angle, int(LATER_S[1] * FPS)) for angle in head.T])
    return LongRun(
        minutes,
        np.stack([part.mean(axis=0) for part in per_minute]),
        np.stack([np.ptp(part, axis=0) for part in per_minute]),
        tuple(float(value) for value in drift),
        curves,
        float(curves[:, int(LATER_S[0] * FPS) :].max()),
        grown_mb,
    )


def autocorrelation(curve: Curve, n_shifts: int) -> Curve:
    """Correlation of `curve` [T] with itself, shifted by 0 to `n_shifts` frames."""
    centred = curve - curve.mean()
    n = 2 ** int(np.ceil(np.log2(2 * len(centred))))
    power = np.abs(np.fft.rfft(centred, n)) ** 2
    raw = np.fft.irfft(power, n)[: n_shifts + 1]
    overlap = len(centred) - np.arange(n_shifts + 1)
    return np.asarray(raw / overlap / max(float(raw[0]) / len(centred), 1e-12))


def _partner(condition: str, conversations: Sequence[Conversation], index: int) -> F32:
    if condition == "silence":
        return np.zeros_like(conversations[index].partner)
    return dyadic.others_partner(conversations, index)


def _score(
    name: str,
    lookahead_ms: float,
    ms_per_frame: float,
    conversations: Sequence[Conversation],
    motions: Sequence[F32],
    listened: dict[str, dict[str, dyadic.Answers]],
) -> DyadicScore:
    return DyadicScore(
        name,
        lookahead_ms,
        ms_per_frame,
        dyadic.open_share(conversations, motions),
        listened,
        dyadic.idle(conversations, motions),
        dyadic.lips(conversations, motions) if is_labelled(conversations) else None,
    )
