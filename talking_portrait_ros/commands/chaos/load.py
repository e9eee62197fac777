"""Too little time: other programs on all cores, and a decoder that takes 60 ms per frame."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.commands.chaos.live import LiveAvatar
from talking_portrait_ros.commands.chaos.proofs import Proof
from talking_portrait_ros.commands.chaos.throttle import Throttle
from talking_portrait_ros.commands.chaos.timings import (
    DRAWN_MS,
    NS_PER_S,
    intervals_ms,
    lags_ms,
    settled_after_s,
)
from talking_portrait_ros.commands.chaos.voice import Voice

if TYPE_CHECKING:
    from talking_portrait_ros.ros.probe import SaidStatus

OVERSUBSCRIPTION = 2
SLOW_MS = 60.0
STAGES = ("features", "latents", "frames", "fused")
TRIALS, TRIAL_S = 3, 1.5
BEFORE_S = 3.0
AFTER_S = 5.0


def load(avatar: LiveAvatar, speech: F32, full: bool) -> list[Proof]:
    """Both loads, one after the other, while the avatar talks."""
    seconds = 60.0 if full else 8.0
    with Voice(avatar.probe, speech):
        time.sleep(BEFORE_S)
        proofs = _under(avatar, "busy cores", _BusyCores(), seconds)
        decoder = avatar.nodes()[_decoder(avatar)].pid
        slow = Throttle(decoder, _share(avatar, decoder))
        begun_ns = time.time_ns()
        proofs += _under(avatar, "slow decoder", slow, seconds)
        work_ms = _work_ms(avatar, begun_ns, begun_ns + int(seconds * NS_PER_S))
        proofs.append(Proof("slow decoder: work per drawn frame", work_ms, "ms"))
    return proofs


class _BusyCores:
    """Processes that want all cores, twice; a context manager."""

    def __enter__(self) -> _BusyCores:
        n = OVERSUBSCRIPTION * len(os.sched_getaffinity(0))
        command = [sys.executable, "-S", "-c", "while True: pass"]
        # Each a session of its own: Linux shares the cores among sessions first.
        self._processes = [subprocess.Popen(command, start_new_session=True) for _ in range(n)]
        return self

    def __exit__(self, *exc: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


def _share(avatar: LiveAvatar, decoder: int) -> float:
    """The share of the time with which the decoder takes as long as it should, by trial."""
    share = 1.0
    for _ in range(TRIALS):
        begun_ns = time.time_ns()
        with Throttle(decoder, share):
            time.sleep(TRIAL_S)
        share = float(np.clip(share * _work_ms(avatar, begun_ns) / SLOW_MS, 0.05, 1.0))
    return share


def _under(
    avatar: LiveAvatar, name: str, burden: _BusyCores | Throttle, seconds: float
) -> list[Proof]:
    """Figures of the time under `burden`, and of what follows."""
    before = lags_ms(avatar.shown(time.time_ns() - int(BEFORE_S * NS_PER_S)))
    begun_ns = time.time_ns()
    with burden:
        time.sleep(seconds)
    ended_ns = time.time_ns()
    time.sleep(AFTER_S)
    during, all_shown = avatar.shown(begun_ns, ended_ns), avatar.shown(begun_ns)
    gaps, lags = intervals_ms(during), lags_ms(all_shown)
    told = sum(from_ns >= begun_ns for from_ns, _ in _spells(avatar.probe.said))
    own = np.mean([period.state == "shown" for period in during])
    return [
        Proof(f"{name}: interval between frames, p99", float(np.percentile(gaps, 99)), "ms", 60),
        Proof(f"{name}: longest interval", float(gaps.max()), "ms"),
        Proof(f"{name}: largest lag", float(lags.max()), "ms", 400),
        Proof(f"{name}: lag before, p95", float(np.percentile(before, 95)), "ms"),
        Proof(f"{name}: recovery after the load", _recovery_s(avatar, ended_ns), "s", 2),
        Proof(f"{name}: periods without a frame of their own", 100 * (1 - float(own)), "%"),
        Proof(f"{name}: lower rungs told by the status", told, ""),
    ]


def _recovery_s(avatar: LiveAvatar, ended_ns: int) -> float:
    """Until every period has its frame again, and the status tells of no lower rung."""
    calm_s = settled_after_s(avatar.shown(ended_ns), ended_ns)
    spells_ns = [to_ns for _, to_ns in _spells(avatar.probe.said) if to_ns > ended_ns]
    return max([calm_s, *((to_ns - ended_ns) / NS_PER_S for to_ns in spells_ns)])


def _spells(said: Sequence[SaidStatus]) -> list[tuple[int, float]]:
    """When the status began to name a lower rung, and when it ceased to; infinite: not yet."""
    following = [*(s.arrived_ns for s in said[1:]), float("inf")]
    return [
        (status.arrived_ns, end_ns)
        for status, end_ns in zip(said, following, strict=True)
        if status.detail.partition(":")[0] in STAGES
    ]


def _work_ms(avatar: LiveAvatar, from_ns: int, to_ns: int | None = None) -> float:
    """Median work on a drawn frame, in time or not; infinite where none was drawn."""
    last_ns = time.time_ns() if to_ns is None else to_ns
    drawn_ms = [
        ms for at_ns, ms in list(avatar.probe.drawing_ms)
        if from_ns <= at_ns < last_ns and ms > DRAWN_MS
    ]  # fmt: skip
    return float(np.median(drawn_ms)) if drawn_ms else float("inf")


def _decoder(avatar: LiveAvatar) -> str:
    return "frames" if "frames" in avatar.nodes() else "fused"
