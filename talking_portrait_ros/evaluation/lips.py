"""Lips made from sound alone, against the lips of the people who spoke.

Each clip's sound is rendered by a whole pipeline, the rendered face is measured by the same
tracker as the real one, and the two curves are correlated at the clip's own lag, beside the
loudness of the sound, a linear model fitted on the other clips, and the lips made for the sound of
another clip (chance).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from talking_portrait_ros.chunks import Reference, References
from talking_portrait_ros.evaluation.clips import MAX_LAG_FRAMES, Clip, Watch, unwatched
from talking_portrait_ros.evaluation.curves import (
    Curve,
    Estimate,
    best_lag,
    correlation_at,
    mean_with_interval,
)
from talking_portrait_ros.evaluation.rivals import leave_one_out, log_mel, loudness
from talking_portrait_ros.evaluation.runner import Runner
from talking_portrait_ros.evaluation.tracker import read_frames, track_frames
from talking_portrait_ros.timebase import Timebase

LOUDNESS, LINEAR = "loudness", "linear, other clips"
RENDERED, DRIVING = "rendered", "driving curve"
_N_SHUFFLES = 2000


@dataclass(frozen=True)
class Method:
    """One way to guess lips from sound, scored on every clip.

    Attributes:
        name: e.g. "rig_512 rendered".
        curves: the guessed lips per clip.
        own: correlation at the clip's own lag, per clip.
        best: correlation at the best lag within +-120 ms, per clip.
        best_lags: that lag, frames, per clip.
    """

    name: str
    curves: list[Curve]
    own: list[float]
    best: list[float]
    best_lags: list[int]

    @property
    def estimate(self) -> Estimate:
        """Mean of `own` with its interval."""
        return mean_with_interval(self.own)


@dataclass(frozen=True)
class Chance:
    """What a method scores with the sound of other clips: mean over clips, over shuffles."""

    median: float
    percentile_95: float


@dataclass(frozen=True)
class Difference:
    """A method less a rival, clip by clip."""

    method: str
    rival: str
    estimate: Estimate
    n_better: int


@dataclass(frozen=True)
class InStep:
    """Lag of the rendered lips behind the driving curve, frames, per clip: first and last half."""

    first_half: list[int]
    last_half: list[int]


@dataclass(frozen=True)
class LipsReport:
    """All results; `report` prints, stores and plots them.

    Attributes:
        clips: the clips.
        methods: rivals first, then rendered and driving curve of each preset.
        chance: by name of the rendered methods.
        differences: rendered methods less each rival.
        in_step: by preset; empty where the latent space has no opening.
        lookahead_ms: algorithmic delay by preset.
        settings: what the run was made with.
    """

    clips: list[Clip]
    methods: list[Method]
    chance: dict[str, Chance]
    differences: list[Difference]
    in_step: dict[str, InStep]
    lookahead_ms: dict[str, float]
    settings: dict[str, Any]

    def method(self, name: str) -> Method:
        """The method called `name`.

        Raises:
            KeyError: there is none.
        """
        return {method.name: method for method in self.methods}[name]


def evaluate_lips(
    clips: Sequence[Clip],
    presets: Sequence[str],
    resolution: int | None = 512,
    reference: Reference | None = None,
    device: str = "cpu",
    watch: Watch[Clip] = unwatched,
) -> LipsReport:
    """Score every preset on every clip.

    Args:
        clips: see `load_clips`.
        presets: names of presets.
        resolution: size of the rendered frames; None: the preset's own.
        reference: the face to render; None: the first picture of each clip.
        device: torch device.
        watch: shows progress.

    Raises:
        ValueError: fewer than two clips, unknown preset, or a face that is lost.
    """
    timebase = Timebase()
    methods = rival_methods(clips, timebase)
    in_step: dict[str, InStep] = {}
    lookahead_ms: dict[str, float] = {}
    for name in presets:
        runner = Runner(name, resolution, device)
        lookahead_ms[name] = 1000 * runner.pipeline.delay_samples / timebase.sample_rate_hz
        rendered, driving = _run_all(runner, clips, reference, watch)
        methods.append(scored(f"{name} {RENDERED}", rendered, clips))
        if driving:
            methods.append(scored(f"{name} {DRIVING}", driving, clips))
            in_step[name] = _in_step(driving, rendered)
    made = [m for m in methods if m.name.endswith(RENDERED)]
    return LipsReport(
        clips=list(clips),
        methods=methods,
        chance={m.name: chance(m.curves, clips) for m in made},
        differences=[difference(m, rival) for m in made for rival in methods[:2]],
        in_step=in_step,
        lookahead_ms=lookahead_ms,
        settings={
            "resolution": resolution,
            "reference": reference.name if reference else "first picture of each clip",
            "max_lag_frames": MAX_LAG_FRAMES,
        },
    )


def rival_methods(clips: Sequence[Clip], timebase: Timebase) -> list[Method]:
    """Loudness, and the linear model fitted leaving one clip out."""
    loud = [loudness(clip.samples, timebase) for clip in clips]
    features = [log_mel(clip.samples, timebase) for clip in clips]
    lips, lags = [clip.track.gap for clip in clips], [clip.lag_frames for clip in clips]
    linear = leave_one_out(features, lips, lags)
    return [scored(LOUDNESS, loud, clips), scored(LINEAR, linear, clips)]


def scored(name: str, curves: Sequence[Curve], clips: Sequence[Clip]) -> Method:
    """A method's guesses, scored against the measured lips."""
    pairs = list(zip(curves, clips, strict=True))
    bests = [best_lag(curve, clip.track.gap, MAX_LAG_FRAMES) for curve, clip in pairs]
    own = [correlation_at(curve, clip.track.gap, clip.lag_frames) for curve, clip in pairs]
    return Method(name, list(curves), own, [r for _, r in bests], [lag for lag, _ in bests])


def difference(method: Method, rival: Method) -> Difference:
    """`method` less `rival`, paired over clips."""
    gains = [a - b for a, b in zip(method.own, rival.own, strict=True)]
    n_better = sum(gain > 0 for gain in gains)
    return Difference(method.name, rival.name, mean_with_interval(gains), n_better)


def chance(curves: Sequence[Curve], clips: Sequence[Clip], seed: int = 0) -> Chance:
    """The score with each clip's sound swapped for another's, over random swaps."""
    n = len(clips)
    table = np.array(
        [[correlation_at(curve, c.track.gap, c.lag_frames) for curve in curves] for c in clips]
    )
    random = np.random.default_rng(seed)
    shifts = [random.permutation(n) for _ in range(_N_SHUFFLES)]
    swaps = [p for p in shifts if (p != np.arange(n)).all()]
    means = [float(table[np.arange(n), p].mean()) for p in swaps]
    return Chance(float(np.median(means)), float(np.percentile(means, 95)))


def _run_all(
    runner: Runner, clips: Sequence[Clip], reference: Reference | None, watch: Watch[Clip]
) -> tuple[list[Curve], list[Curve]]:
    """Measured gap of the rendered frames, and the driving curve if there is one, per clip."""
    rendered, driving = [], []
    for clip in watch(list(clips), f"{runner.name}: rendering and measuring"):
        face = reference or first_picture(clip.path)
        frames = runner.frames(clip.samples, References((face,)))
        rendered.append(track_frames(frames, f"{clip.name} as {runner.name}").gap)
        opening = runner.opening()
        if opening is not None:
            driving.append(opening)
    return rendered, driving


def first_picture(path: Path) -> Reference:
    """The first frame of a video."""
    return Reference(next(iter(read_frames(path))), name=str(path))


def _in_step(driving: Sequence[Curve], rendered: Sequence[Curve]) -> InStep:
    halves: tuple[list[int], list[int]] = ([], [])
    for asked, shown in zip(driving, rendered, strict=True):
        n = min(len(asked), len(shown))
        for half, part in zip(halves, (slice(0, n // 2), slice(n // 2, n)), strict=True):
            half.append(best_lag(asked[part], shown[part], MAX_LAG_FRAMES)[0])
    return InStep(*halves)
