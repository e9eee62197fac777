"""Messages that no decent node sends, and messages that are lost."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.commands.chaos.live import LiveAvatar
from talking_portrait_ros.commands.chaos.proofs import Proof
from talking_portrait_ros.commands.chaos.timings import settled_after_s
from talking_portrait_ros.commands.chaos.voice import Voice

SECONDS, FULL_SECONDS = 1.5, 15.0
SETTLE_S = 8.0
DIAGNOSED_S = 1.2  # diagnostics come once a second
STOPPED_S = 3.0
AWAY = "a node that is away"


def garbage(avatar: LiveAvatar, speech: F32, full: bool) -> list[Proof]:
    """All misdeeds, one after the other, while the avatar talks."""
    from talking_portrait_ros.ros.misbehaviour import MISDEEDS

    seconds = FULL_SECONDS if full else SECONDS
    before_mb, pids = avatar.memory_mb(), _pids(avatar)
    with Voice(avatar.probe, speech):
        found = {name: misbehave(avatar, name, seconds) for name in [*MISDEEDS, AWAY]}
    growth_mb = [mb - before_mb.get(node, mb) for node, mb in avatar.memory_mb().items()]
    return [
        *(proof for name, aftermath in found.items() for proof in aftermath.proofs(name)),
        Proof("largest growth of a node's memory", max(growth_mb), "MB", 100),
        Proof("nodes that died", len(pids - _pids(avatar)), "", 0),
    ]


@dataclass(frozen=True)
class Aftermath:
    """What came of one misdeed.

    Attributes:
        resync_s: until all frames were shown in time again.
        noticed: events that the nodes have counted, by reason.
    """

    resync_s: float
    noticed: Counter[str]

    def proofs(self, name: str) -> list[Proof]:
        """Both, against their bounds."""
        counted = ", ".join(f"{reason} {n}" for reason, n in self.noticed.items())
        return [
            Proof(f"{name}: well again after", self.resync_s, "s", 3),
            Proof(f"{name}: passed uncounted ({counted})", not self.noticed, "", 0),
        ]


def misbehave(avatar: LiveAvatar, name: str, seconds: float) -> Aftermath:
    """Do one misdeed, and watch until the avatar is well again."""
    from talking_portrait_ros.ros.misbehaviour import MISDEEDS, Misdeed, stopped

    if name == AWAY:
        nodes, seconds = avatar.nodes(), STOPPED_S
        victim = nodes.get("features", nodes.get("fused"))
        assert victim is not None
        deed = Misdeed(stopped(victim.pid), ("lost", "jumps", "dropped"))
    else:
        deed = MISDEEDS[name]
    before = _counts(avatar)
    deed.act(avatar.probe, seconds)
    ended_ns = time.time_ns()
    limit_s = time.monotonic() + SETTLE_S
    while _resync_s(avatar, ended_ns) == float("inf") and time.monotonic() < limit_s:
        time.sleep(0.1)
    time.sleep(DIAGNOSED_S)
    grown = _counts(avatar) - before
    noticed = Counter({reason: grown[reason] for reason in deed.counted_as if grown[reason]})
    return Aftermath(_resync_s(avatar, ended_ns), noticed)


def _resync_s(avatar: LiveAvatar, ended_ns: int) -> float:
    return settled_after_s(avatar.shown(ended_ns), ended_ns)


def _counts(avatar: LiveAvatar) -> Counter[str]:
    """Trouble by reason, over all nodes."""
    counts: Counter[str] = Counter()
    for lines in avatar.probe.vitals.values():
        for key, value in lines.items():
            if value.isdigit():
                counts[key.rpartition(".")[2]] += int(value)
    return counts


def _pids(avatar: LiveAvatar) -> set[int]:
    return {process.pid for process in avatar.nodes().values()}
