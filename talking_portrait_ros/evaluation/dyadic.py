"""Does a face converse? Measures of motion while two people talk, without rendering anything.

The mouth while only the partner speaks; a listener's nods, brow raises and blinks after the
partner's phrase ends, beside the same measure with the partner silenced or replaced by somebody
else; life while nobody speaks; lips against the label of the own speech.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.evaluation.curves import (
    Estimate,
    best_lag,
    correlation,
    mean_with_interval,
)
from talking_portrait_ros.evaluation.events import DETECTORS, FPS, Detection, detection
from talking_portrait_ros.evaluation.runner import opening_of
from talking_portrait_ros.spaces import INDEX
from talking_portrait_ros.training.conversations.conversation import Bools, Conversation, Frames

OPEN = 0.02  # an opening beyond this is an open mouth; 1 is the widest
BEFORE_S, AFTER_S = 0.1, 0.3  # around own speech the mouth may be open
LISTENING_S = (
    0.2,
    0.8,
)  # the own side is silent from so long before a phrase end to so long after
WITHIN_S = 1.0  # after a phrase end, in which an answer counts
QUIET_S = 1.0  # since when nobody has spoken, in idleness
STILL_RAD = np.radians(0.05)  # within a second: a frozen head
NOBODY = Estimate(float("nan"), float("nan"), float("nan"), 0)
MIN_SPEECH_FRAMES = 5 * FPS

Motions = Sequence[F32]


@dataclass(frozen=True)
class Answers:
    """What a listener did after the partner's phrase ends.

    Attributes:
        n: phrase ends at which the face listened.
        rate: share of them with the event within `WITHIN_S`, with its interval over phrase ends;
            nan where there is none.
        delay_ms: median of the first event after the phrase end; nan where there was none.
    """

    n: int
    rate: Estimate
    delay_ms: float


@dataclass(frozen=True)
class Idle:
    """Life while nobody speaks.

    Attributes:
        minutes: how much of it was seen.
        blinks_per_minute: blinks.
        head_deg: deviation of the head's turn about its middle, degrees.
        frozen: share of seconds in which the head does not move.
    """

    minutes: float
    blinks_per_minute: float
    head_deg: float
    frozen: float


@dataclass(frozen=True)
class Lips:
    """The own speech: opening of the lips against the label.

    Attributes:
        r: correlation per conversation, mean with interval.
        lag_frames: median of the best lags; positive: the label is later.
        gain: deviation of the opening over that of the label.
    """

    r: Estimate
    lag_frames: float
    gain: float


def open_share(conversations: Sequence[Conversation], motions: Motions) -> float:
    """Share of frames with an open mouth among those in which only the partner speaks."""
    counts = [
        (np.count_nonzero(opening_of(motion)[only] > OPEN), np.count_nonzero(only))
        for one, motion in zip(conversations, motions, strict=True)
        for only in [one.partner_speaking & ~around(one.speaking, BEFORE_S, AFTER_S)]
    ]
    n_open, n_all = np.sum(counts, axis=0)
    return float(n_open / max(n_all, 1))


def answers(conversations: Sequence[Conversation], motions: Motions) -> dict[str, Answers]:
    """What follows the partner's phrase ends while the face listens, by kind of event."""
    found: dict[str, Answers] = {}
    for kind, detect in DETECTORS.items():
        each = [
            _delays(listened_ends(one), detect(motion))
            for one, motion in zip(conversations, motions, strict=True)
        ]
        delays = np.concatenate([np.zeros(0, np.float32), *each])  # nan where nothing followed
        happened = ~np.isnan(delays)
        found[kind] = Answers(
            len(delays),
            mean_with_interval(happened.astype(float).tolist()) if len(delays) else NOBODY,
            1000 / FPS * float(np.median(delays[happened])) if happened.any() else float("nan"),
        )
    return found


def listened_ends(conversation: Conversation) -> Frames:
    """The partner's phrase ends around which the own side is silent."""
    busy = around(conversation.speaking, LISTENING_S[1], LISTENING_S[0])
    ends = conversation.partner_phrase_ends
    return ends[~busy[ends] & (ends < conversation.n_frames - WITHIN_S * FPS)]


def _delays(ends: Frames, events: Frames) -> F32:
    """Frames from each end to the first event after it; nan where there is none in time."""
    delays = np.full(len(ends), np.nan, np.float32)
    for index, end in enumerate(ends):
        later = events[(events > end) & (events <= end + WITHIN_S * FPS)]
        if len(later):
            delays[index] = later[0] - end
    return delays


def idle(conversations: Sequence[Conversation], motions: Motions) -> Idle:
    """Life in the frames before which nobody has spoken for a while."""
    n_frames, n_blinks, frozen, turns = 0, 0, [], []
    for one, motion in zip(conversations, motions, strict=True):
        quiet = ~around(one.speaking | one.partner_speaking, BEFORE_S, QUIET_S)
        n_frames += np.count_nonzero(quiet)
        n_blinks += np.count_nonzero(quiet[DETECTORS["blink"](motion)])
        head = motion[:, [INDEX["headPitch"], INDEX["headYaw"], INDEX["headRoll"]]]
        turns.append(head[quiet])
        for first in range(0, len(motion) - FPS + 1, FPS):
            if quiet[first : first + FPS].all():
                frozen.append(bool(np.ptp(head[first : first + FPS], axis=0).max() < STILL_RAD))
    minutes = n_frames / FPS / 60
    spread = np.concatenate(turns).std(axis=0) if n_frames else np.zeros(3)
    return Idle(
        minutes,
        n_blinks / max(minutes, 1e-9),
        float(np.degrees(np.linalg.norm(spread))),
        float(np.mean(frozen)) if frozen else 0.0,
    )


def lips(conversations: Sequence[Conversation], motions: Motions) -> Lips:
    """Openings while the own side speaks, against those of the label.

    Raises:
        ValueError: nobody speaks on the own side.
    """
    r, lags, made, wanted = [], [], [], []
    for one, motion in zip(conversations, motions, strict=True):
        own = around(one.speaking, BEFORE_S, AFTER_S)
        if np.count_nonzero(own) < MIN_SPEECH_FRAMES:
            continue
        ours, label = opening_of(motion), opening_of(one.motion)
        r.append(correlation(ours[own], label[own]))
        lags.append(best_lag(ours, label, 5)[0])
        made.append(ours[own])
        wanted.append(label[own])
    if not r:
        raise ValueError("conversations: nobody speaks on the own side; give other ones")
    gain = np.concatenate(made).std() / np.concatenate(wanted).std()
    return Lips(mean_with_interval(r), float(np.median(lags)), float(gain))


def check_detectors(conversations: Sequence[Conversation]) -> dict[str, Detection]:
    """How well the detectors find the labels' own events while the face listens."""
    scores = {}
    for kind, detect in DETECTORS.items():
        pairs = []
        for one in conversations:
            listens = ~around(one.speaking, 0.4, 0.6)
            pairs.append(_within(listens, detect(one.motion), one.events.get(kind)))
        scores[kind] = detection(pairs)
    return scores


def _within(mask: Bools, found: Frames, true: Frames | None) -> tuple[Frames, Frames]:
    true = np.zeros(0, np.int64) if true is None else true
    return found[mask[found]], true[mask[true]]


def around(mask: Bools, before_s: float, after_s: float) -> Bools:
    """`mask`, begun so much earlier and ended so much later, [T]."""
    before, after = round(before_s * FPS), round(after_s * FPS)
    padded = np.pad(mask, (after, before))
    return np.asarray(
        np.lib.stride_tricks.sliding_window_view(padded, before + after + 1).any(axis=1)
    )


def with_others_ends(conversations: Sequence[Conversation]) -> list[Conversation]:
    """The conversations with the phrase ends of another one: what follows these is chance."""
    shifted = [*conversations[1:], conversations[0]]
    return [
        replace(one, partner_phrase_ends=ends[ends < one.n_frames])
        for one, ends in zip(
            conversations, (other.partner_phrase_ends for other in shifted), strict=True
        )
    ]


def others_partner(conversations: Sequence[Conversation], index: int) -> F32:
    """The partner of the next conversation in which somebody is heard, cut or filled to length."""
    n = len(conversations[index].partner)
    for step in range(1, len(conversations)):
        other = conversations[(index + step) % len(conversations)]
        if len(other.partner_phrase_ends):
            return np.resize(other.partner, n)
    raise ValueError("conversations: only one has a partner who speaks; give more of them")
