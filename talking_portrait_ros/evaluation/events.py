"""Nods, brow raises and blinks found in `motion/arkit-1`, whoever made it.

The thresholds are those at which the events of the behaviour model's own labels are found again
(`detection`, in the report); a nod is a dip of the head that a viewer sees, 1.3 degrees or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import find_peaks

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.evaluation.curves import Curve
from talking_portrait_ros.spaces import INDEX
from talking_portrait_ros.training.conversations.conversation import Frames

FPS = 25
SMOOTH_FRAMES = 3
NOD_RAD, NOD_FRAMES = 0.023, (4, 20)  # depth of a dip, and how long it lasts at half depth
ONE_NOD_S = 0.75  # dips that follow each other so closely are one nod
BROW_LIFT, BROW_FRAMES = 0.15, 4
BLINK_SHUT = 0.5
ONSET = 0.12  # share of its height at which an event has begun
TOLERANCE_S = 0.16


def nods(motion: F32) -> Frames:
    """Frames in which nods begin, [k]."""
    pitch = _smoothed(motion[:, INDEX["headPitch"]])
    dips, facts = find_peaks(
        pitch, prominence=NOD_RAD, width=NOD_FRAMES, rel_height=0.5, wlen=2 * FPS
    )
    onsets, last_dip = [], -FPS
    for dip, base in zip(dips, facts["left_bases"], strict=True):
        if dip - last_dip > ONE_NOD_S * FPS:
            onsets.append(_onset(pitch, int(base), int(dip)))
        last_dip = int(dip)
    return np.asarray(onsets, np.int64)


def brow_raises(motion: F32) -> Frames:
    """Frames in which the brows begin to rise, [k]."""
    lift = _smoothed(motion[:, INDEX["browInnerUp"]])
    peaks, facts = find_peaks(lift, prominence=BROW_LIFT, width=BROW_FRAMES, wlen=4 * FPS)
    starts = zip(facts["left_bases"], peaks, strict=True)
    return np.asarray([_onset(lift, int(base), int(peak)) for base, peak in starts], np.int64)


def blinks(motion: F32) -> Frames:
    """Frames in which the lids begin to fall, [k]."""
    shut = motion[:, [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]].mean(axis=1)
    falls = np.flatnonzero((shut[1:] >= BLINK_SHUT) & (shut[:-1] < BLINK_SHUT)) + 1
    return np.asarray([_onset(shut, max(int(at) - 5, 0), int(at)) for at in falls], np.int64)


DETECTORS = {"nod": nods, "brow": brow_raises, "blink": blinks}


@dataclass(frozen=True)
class Detection:
    """How well a detector finds the events of labels.

    Attributes:
        precision: share of what it finds that is there, recall: share of what is there that it
            finds, n: events that are there, late_ms: median of found less true time.
    """

    precision: float
    recall: float
    n: int
    late_ms: float


def detection(pairs: Sequence[tuple[Frames, Frames]]) -> Detection:
    """The score of `(found, true)` events of several recordings."""
    n_found, n_true, n_hit, n_matched, late = 0, 0, 0, 0, []
    for found, true in pairs:
        n_found, n_true = n_found + len(found), n_true + len(true)
        if not len(found) or not len(true):
            continue
        gaps = found[:, None] - true[None, :]  # [found, true]
        near = np.abs(gaps) <= TOLERANCE_S * FPS
        n_hit += int(near.any(axis=1).sum())
        n_matched += int(near.any(axis=0).sum())
        late += [int(gap[np.abs(gap).argmin()]) for gap in gaps.T[near.any(axis=0)]]
    return Detection(
        n_hit / max(n_found, 1),
        n_matched / max(n_true, 1),
        n_true,
        1000 / FPS * float(np.median(late)) if late else float("nan"),
    )


def _smoothed(curve: F32) -> Curve:
    kernel = np.ones(SMOOTH_FRAMES) / SMOOTH_FRAMES
    return np.convolve(np.pad(curve, SMOOTH_FRAMES // 2, mode="edge"), kernel, mode="valid")


def _onset(curve: Curve, base: int, peak: int) -> int:
    """The last frame before `peak` at which the rise has not begun."""
    base = max(base, peak - FPS)
    level = curve[base : peak + 1].min()
    low = level + ONSET * (curve[peak] - level)
    below = np.flatnonzero(curve[base : peak + 1] <= low)
    return base + int(below[-1])
