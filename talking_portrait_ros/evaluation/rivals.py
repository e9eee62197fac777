"""What a lip generator has to beat: loudness, and a linear model fitted on the other clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.evaluation.curves import Curve
from talking_portrait_ros.timebase import Timebase

RIDGE = 1000.0
REACH_FRAMES = 5  # +-200 ms
LOUDNESS_POWER = 0.3
_N_BANDS = 40
_POWER_FLOOR = 1e-6
_WINDOW_MS, _HOP_MS = 25, 10


def loudness(samples: F32, timebase: Timebase) -> Curve:
    """Energy of each frame to the power of 0.3, [T]."""
    n_frames = timebase.complete_frames(len(samples))
    frames = samples[: n_frames * timebase.samples_per_frame].reshape(n_frames, -1)
    energy = (frames.astype(np.float64) ** 2).mean(axis=1)
    return np.asarray(energy**LOUDNESS_POWER)


def log_mel(samples: F32, timebase: Timebase) -> F32:
    """Mean log-mel of each frame, minus the clip's mean, [T, 40].

    Its own code, so that a fault in the features of the package does not help or hurt the rival.
    """
    rate = timebase.sample_rate_hz
    hop, window = rate * _HOP_MS // 1000, rate * _WINDOW_MS // 1000
    n_frames = timebase.complete_frames(len(samples))
    per_frame = timebase.samples_per_frame // hop
    padded = np.pad(samples, ((window - hop) // 2, window))
    starts = np.arange(n_frames * per_frame) * hop
    pieces = padded[starts[:, None] + np.arange(window)] * np.hanning(window)  # [hops, window]
    power = np.abs(np.fft.rfft(pieces, 512)) ** 2
    bands = np.log(np.maximum(power @ _filters(rate), _POWER_FLOOR))
    frames = bands.reshape(n_frames, per_frame, _N_BANDS).mean(axis=1)
    centred: F32 = (frames - frames.mean(axis=0)).astype(np.float32)
    return centred


def windows(features: F32, reach_frames: int = REACH_FRAMES) -> F32:
    """Each frame beside its neighbours within +-`reach_frames`, [T, D * (2 reach + 1)]."""
    padded = np.pad(features, ((reach_frames, reach_frames), (0, 0)), mode="edge")
    shifts = [padded[k : k + len(features)] for k in range(2 * reach_frames + 1)]
    return np.concatenate(shifts, axis=1)


def leave_one_out(
    features: Sequence[F32], lips: Sequence[Curve], lags: Sequence[int], ridge: float = RIDGE
) -> list[Curve]:
    """For each clip the lips that a ridge regression on the other clips predicts.

    Args:
        features: per clip [T, D], see `log_mel`.
        lips: per clip the measured gap [T'].
        lags: per clip the frames by which its lips come later than its sound.
        ridge: weight of the penalty.

    Returns:
        Per clip [T], in step with the sound (lag 0).

    Raises:
        ValueError: fewer than two clips.
    """
    if len(features) < 2:
        raise ValueError("the linear rival needs at least two clips: it is fitted on the others")
    inputs = [windows(f) for f in features]
    pairs = [_in_step(*item) for item in zip(inputs, lips, lags, strict=True)]
    grams = [(x.T @ x, x.T @ y) for x, y in pairs]
    total_xx, total_xy = (sum(part) for part in zip(*grams, strict=True))
    penalty = ridge * np.eye(inputs[0].shape[1])
    return [
        x @ np.linalg.solve(total_xx - own_xx + penalty, total_xy - own_xy)
        for x, (own_xx, own_xy) in zip(inputs, grams, strict=True)
    ]


def _in_step(inputs: F32, lips: Curve, lag: int) -> tuple[Curve, Curve]:
    """Inputs and lips of the frames that both have, lips scaled to zero mean and unit spread."""
    n = min(len(inputs), len(lips))
    low, high = max(0, -lag), n - max(0, lag)
    target = lips[low + lag : high + lag].astype(np.float64)
    target = (target - target.mean()) / max(float(target.std()), 1e-9)
    return inputs[low:high].astype(np.float64), target


def _filters(rate_hz: int) -> F32:
    """Triangular mel filters, [257, 40]."""
    edges_mel = np.linspace(_mel(60.0), _mel(rate_hz / 2 - 400.0), _N_BANDS + 2)
    edges_hz = 700 * (np.exp(edges_mel / 1127) - 1)
    bins_hz = np.arange(257)[:, None] * rate_hz / 512
    rising = (bins_hz - edges_hz[:-2]) / np.diff(edges_hz)[:-1]
    falling = (edges_hz[2:] - bins_hz) / np.diff(edges_hz)[1:]
    filters: F32 = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return filters


def _mel(hz: float) -> float:
    return 1127 * float(np.log1p(hz / 700))
