"""Interruptions: in speech, before it is heard, twice in a row."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.commands.chaos.live import LiveAvatar
from talking_portrait_ros.commands.chaos.proofs import Proof
from talking_portrait_ros.commands.chaos.timings import NS_PER_MS
from talking_portrait_ros.commands.chaos.voice import RATE_HZ
from talking_portrait_ros.evaluation.rig import CLOSED_GAP
from talking_portrait_ros.evaluation.tracker import FaceTracker, measure
from talking_portrait_ros.quiet import quiet_stderr

UTTERANCE_S = 2.0
WATCHED_S = 0.6
FRAME_MS = 40.0
TRANSPORT_MS = 20.0  # from the call of the service to the screen's answer on its topics
AUDIBLE = 1e-3
COMPARED_S = 0.3


@dataclass(frozen=True)
class Cut:
    """What was seen of one interruption, milliseconds from the call of the service.

    Attributes:
        last_frame_ms: when a frame of the old epoch was last shown; 0 where none was.
        last_sound_ms: the same of its sound.
        closed_ms: from when on the mouth was seen closed.
        was_open: whether it was open just before.
        leftovers: audible samples of the new epoch although nothing was said in it.
        wrong_samples: of the beginning of the next utterance, those that are not as it was said.
    """

    last_frame_ms: float
    last_sound_ms: float
    closed_ms: float
    was_open: bool
    leftovers: int
    wrong_samples: int


def flush(avatar: LiveAvatar, speech: F32, full: bool) -> list[Proof]:
    """Random interruptions, the same ones each time."""
    avatar.probe.see_pictures()
    chance = random.Random(0)
    with quiet_stderr(), FaceTracker() as tracker:  # MediaPipe has much to say
        cuts = [_cut(avatar, speech, chance, tracker) for _ in range(200 if full else 8)]
    open_ms = [cut.closed_ms for cut in cuts if cut.was_open]
    most_ms = FRAME_MS + TRANSPORT_MS
    return [
        Proof("interruptions", len(cuts), ""),
        Proof("last frame of the old epoch", max(c.last_frame_ms for c in cuts), "ms", most_ms),
        Proof("last sound of the old epoch", max(c.last_sound_ms for c in cuts), "ms", most_ms),
        Proof("interruptions with an open mouth", len(open_ms), ""),
        Proof("mouth closed after", max(open_ms, default=0.0), "ms", 120),
        Proof("audible samples left over", sum(cut.leftovers for cut in cuts), "", 0),
        Proof("wrong samples in the next utterance", sum(c.wrong_samples for c in cuts), "", 0),
    ]


def _cut(avatar: LiveAvatar, speech: F32, chance: random.Random, tracker: FaceTracker) -> Cut:
    """Say something, interrupt it, watch, say the next thing."""
    probe = avatar.probe
    probe.push(_utterance(speech, chance), RATE_HZ)
    time.sleep(chance.choice((0.06, chance.uniform(0.3, 1.5), chance.uniform(0.3, 1.5))))
    before = probe.flush()
    last = before
    if chance.random() < 0.25:
        time.sleep(chance.uniform(0.0, 0.1))
        last = probe.flush()
    time.sleep(WATCHED_S)
    leftovers = sum(
        int((np.abs(heard.samples) > AUDIBLE).sum())
        for heard in list(probe.heard)
        if heard.epoch >= last.epoch
    )
    gaps = _gaps(avatar, tracker, before.sent_ns)
    old_ns = [s.screen_ns for s in list(probe.shown) if s.epoch < before.epoch]
    sound_ns = [h.arrived_ns for h in list(probe.heard) if h.epoch < before.epoch]
    next_said = _utterance(speech, chance)
    wrong = _wrong_samples(avatar, next_said, last.epoch)
    probe.flush()
    return Cut(
        _after_ms(max(old_ns, default=0), before.sent_ns),
        _after_ms(max(sound_ns, default=0), before.sent_ns),
        _closed_ms([gap for gap in gaps if gap[0] >= 0]),
        any(gap > CLOSED_GAP for at_ms, gap in gaps if at_ms < 0),
        leftovers,
        wrong,
    )


def _utterance(speech: F32, chance: random.Random) -> F32:
    """A part of the speech that begins with a sound."""
    n_samples = int(UTTERANCE_S * RATE_HZ)
    first = chance.randrange(len(speech) - 2 * n_samples)
    first += int(np.argmax(np.abs(speech[first:]) > 0.05))
    return speech[first : first + n_samples]


def _wrong_samples(avatar: LiveAvatar, said: F32, epoch: int) -> int:
    """Say it, and compare what is heard first in `epoch` with how it begins."""
    probe, n_samples = avatar.probe, int(COMPARED_S * RATE_HZ)
    probe.push(said, RATE_HZ)

    def heard() -> F32:
        chunks = [h.samples for h in list(probe.heard) if h.epoch == epoch]
        sound = np.concatenate([np.zeros(0, np.float32), *chunks])
        return sound[np.argmax(np.abs(sound) > AUDIBLE) :] if np.any(sound) else sound[:0]

    avatar.wait(lambda: len(heard()) >= n_samples, 5.0, "the next utterance is not heard")
    first = int(np.argmax(np.abs(said) > AUDIBLE))
    wrong = np.abs(heard()[:n_samples] - said[first : first + n_samples]) > AUDIBLE
    return int(wrong.sum())


def _gaps(avatar: LiveAvatar, tracker: FaceTracker, from_ns: int) -> list[tuple[float, float]]:
    """When which lip gap was seen, from shortly before `from_ns` on."""
    found = []
    for shown_ns, picture in list(avatar.probe.pictures):
        at_ms = (shown_ns - from_ns) / NS_PER_MS
        marks = tracker.landmarks(picture) if at_ms > -2 * FRAME_MS else None
        if marks is not None:
            found.append((at_ms, measure(marks)["gap"]))
    return found


def _closed_ms(gaps: list[tuple[float, float]]) -> float:
    """From when on all mouths are closed."""
    first = 0
    for index, (_, gap) in enumerate(gaps):
        if gap > CLOSED_GAP:
            first = index + 1
    return gaps[first][0] if first < len(gaps) else float("inf")


def _after_ms(at_ns: int, from_ns: int) -> float:
    return max(0.0, (at_ns - from_ns) / NS_PER_MS)
