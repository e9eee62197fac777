"""kill -9 of each node in turn, while the avatar talks."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass

import numpy as np

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.commands.chaos.live import LiveAvatar
from talking_portrait_ros.commands.chaos.proofs import Proof
from talking_portrait_ros.commands.chaos.timings import NS_PER_MS, NS_PER_S, intervals_ms
from talking_portrait_ros.commands.chaos.voice import Voice

RESPAWN_S = 10.0
BACK_S = 20.0
CALM_FRAMES = 10
LIFE_S = 5.5  # at least, so that no crash loop is suspected
AUDIBLE = 1e-3


@dataclass(frozen=True)
class Death:
    """One node's death.

    Attributes:
        longest_ms: longest time between two periods on the screen until all was well again.
        back_s: from the start of the new process until the avatar spoke with frames in time.
        gap_s: from the death until then.
    """

    longest_ms: float
    back_s: float
    gap_s: float


def kill(avatar: LiveAvatar, speech: F32, full: bool) -> list[Proof]:
    """Every node once, or twenty times."""
    chance, proofs = random.Random(0), []
    with Voice(avatar.probe, speech):
        for node in sorted(avatar.nodes()):
            deaths = [death_of(avatar, node, chance) for _ in range(20 if full else 1)]
            longest_ms = max(death.longest_ms for death in deaths)
            # Nothing is on a screen whose process is gone: its own death has no such bound.
            most_ms = None if node == "screen" else 200.0
            proofs += [
                Proof(f"{node}: longest interval on the screen", longest_ms, "ms", most_ms),
                Proof(f"{node}: speech after the respawn", max(d.back_s for d in deaths), "s", 3),
                Proof(f"{node}: speech after the death", max(d.gap_s for d in deaths), "s"),
            ]
    return proofs


def death_of(avatar: LiveAvatar, node: str, chance: random.Random) -> Death:
    """Kill `node` and watch until all is well again."""
    time.sleep(LIFE_S * chance.uniform(0.1, 0.3))
    avatar.note_resources()
    killed = avatar.nodes()[node]
    while time.time() - killed.create_time() < LIFE_S:
        time.sleep(0.05)
    killed_ns = time.time_ns()
    os.kill(killed.pid, signal.SIGKILL)

    def is_anew() -> bool:
        return avatar.nodes().get(node, killed).pid != killed.pid

    avatar.wait(is_anew, RESPAWN_S, f"{node} is not started anew")
    anew_ns = time.time_ns()

    def is_back() -> bool:
        return _back_ns(avatar, node, killed_ns, anew_ns) is not None

    avatar.wait(is_back, BACK_S, f"no speech after the death of {node}")
    back_ns = _back_ns(avatar, node, killed_ns, anew_ns) or 0
    shown = avatar.shown(killed_ns - int(100 * NS_PER_MS), back_ns + int(NS_PER_S / 2))
    return Death(
        float(intervals_ms(shown).max()),
        max(0.0, (back_ns - anew_ns) / NS_PER_S),
        max(0.0, (back_ns - killed_ns) / NS_PER_S),
    )


def _back_ns(avatar: LiveAvatar, node: str, killed_ns: int, anew_ns: int) -> int | None:
    """When frames in time and a voice came back to the screen; the death, if they never left.

    None while they are not back.
    """
    shown = avatar.shown(killed_ns)
    calm = shown[-CALM_FRAMES:]
    if len(calm) < CALM_FRAMES or any(s.state != "shown" for s in calm):
        return None
    missing = [s.screen_ns for s in shown if s.state != "shown"]
    voiced = [
        h.arrived_ns for h in list(avatar.probe.heard)
        if h.arrived_ns > killed_ns and np.abs(h.samples).max(initial=0) > AUDIBLE
    ]  # fmt: skip
    if node in ("references", "audio", "screen") and calm[0].screen_ns < anew_ns:
        return None
    # What the dead screen had sent is still on its way.
    after_ns = max([anew_ns if node == "screen" else killed_ns, *missing])
    spoken = [at_ns for at_ns in voiced if at_ns > after_ns]
    return spoken[0] if spoken else None
