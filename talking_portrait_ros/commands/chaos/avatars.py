"""Two avatars in two namespaces of one machine: what one hears of the other, what both cost."""

from __future__ import annotations

import time

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.commands.chaos.live import MIB, LiveAvatar
from talking_portrait_ros.commands.chaos.proofs import Proof
from talking_portrait_ros.commands.chaos.timings import intervals_ms
from talking_portrait_ros.commands.chaos.voice import Voice, spoken

SECONDS, FULL_SECONDS = 6.0, 60.0
AUDIBLE = 1e-3
NAMES = ("left", "right")


def avatars(preset_name: str, full: bool) -> list[Proof]:
    """Talk to one, interrupt it, and listen to both."""
    seconds = FULL_SECONDS if full else SECONDS
    with (
        LiveAvatar(preset_name, "split", NAMES[0]) as left,
        LiveAvatar(preset_name, "split", NAMES[1]) as right,
    ):
        begun_ns = time.time_ns()
        epochs = {heard.epoch for heard in right.probe.heard}
        with Voice(left.probe, spoken()):
            time.sleep(seconds)
        left.probe.flush()
        time.sleep(1.0)
        return [
            Proof("the one that was talked to is not heard", not audible(left, begun_ns), "", 0),
            Proof("audible samples of the other", audible(right, begun_ns), "", 0),
            Proof("epochs of the other that the flush of the one has begun",
                  len({heard.epoch for heard in right.probe.heard} - epochs), "", 0),
            *(proof for avatar, name in ((left, NAMES[0]), (right, NAMES[1]))
              for proof in costs(avatar, name, begun_ns)),
        ]  # fmt: skip


def audible(avatar: LiveAvatar, from_ns: int) -> int:
    """Samples with sound on the avatar's screen."""
    sounds: list[F32] = [h.samples for h in avatar.probe.heard if h.arrived_ns >= from_ns]
    return int(sum((np.abs(samples) > AUDIBLE).sum() for samples in sounds))


def costs(avatar: LiveAvatar, name: str, from_ns: int) -> list[Proof]:
    """Memory and pace of one of two avatars."""
    memory = [
        process.memory_full_info() for node in avatar.nodes() for process in avatar.processes(node)
    ]
    gaps = intervals_ms(avatar.shown(from_ns))
    return [
        Proof(f"{name}: memory, each process for itself", sum(m.rss for m in memory) / MIB, "MB"),
        Proof(f"{name}: memory, shared pages by share", sum(m.pss for m in memory) / MIB, "MB"),
        Proof(f"{name}: interval between frames, p99", float(np.percentile(gaps, 99)), "ms"),
    ]
