"""Messages that no decent node sends, and messages that are lost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.commands.chaos.live import LiveAvatar
from talking_portrait_ros.commands.chaos.proofs import Proof
from talking_portrait_ros.commands.chaos.timings import settled_after_s
from talking_portrait_ros.commands.chaos.voice import Voice

if TYPE_CHECKING:
    from talking_portrait_ros.ros.probe import Probe

SECONDS, FULL_SECONDS = 1.5, 15.0
SETTLE_S = 8.0
DIAGNOSED_S = 1.2  # diagnostics come once a second
STOPPED_S = 3.0


def garbage(avatar: LiveAvatar, speech: F32, full: bool) -> list[Proof]:
    """All misdeeds, one after the other, while the avatar talks."""
    from talking_portrait_ros.ros.misbehaviour import MISDEEDS, stopped

    seconds = FULL_SECONDS if full else SECONDS
    before_mb, pids = avatar.memory_mb(), _pids(avatar)
    victim = min(node for node in avatar.nodes() if node in ("features", "fused"))
    deeds = [(name, deed.act, deed.counted_as, seconds) for name, deed in MISDEEDS.items()]
    away = stopped(avatar.nodes()[victim].pid)
    deeds.append(("a node that is away", away, ("lost", "jumps", "dropped"), STOPPED_S))
    proofs = []
    with Voice(avatar.probe, speech):
        for name, act, counted_as, duration_s in deeds:
            proofs += _done(avatar, name, act, counted_as, duration_s)
    growth_mb = [mb - before_mb.get(node, mb) for node, mb in avatar.memory_mb().items()]
    return [
        *proofs,
        Proof("largest growth of a node's memory", max(growth_mb), "MB", 100),
        Proof("nodes that died", len(pids - _pids(avatar)), "", 0),
    ]


def _done(
    avatar: LiveAvatar,
    name: str,
    act: Callable[[Probe, float], None],
    counted_as: tuple[str, ...],
    seconds: float,
) -> list[Proof]:
    """One misdeed: how soon the avatar is well again, and whether it noticed."""
    before = _counts(avatar)
    act(avatar.probe, seconds)
    ended_ns = time.time_ns()
    limit_s = time.monotonic() + SETTLE_S
    while settled_after_s(avatar.shown(ended_ns), ended_ns) == float("inf"):
        if time.monotonic() > limit_s:
            break
        time.sleep(0.1)
    time.sleep(DIAGNOSED_S)
    grown = _counts(avatar) - before
    noticed = sum(grown[reason] for reason in counted_as)
    resync_s = settled_after_s(avatar.shown(ended_ns), ended_ns)
    return [
        Proof(f"{name}: well again after", resync_s, "s", 3),
        Proof(f"{name}: uncounted ({', '.join(counted_as)}: {noticed})", not noticed, "", 0),
    ]


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
