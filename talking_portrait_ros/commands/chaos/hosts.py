"""The graph on several hosts, with a link that delays, loses and breaks."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talking_portrait_ros.commands.bench import write_speech
from talking_portrait_ros.commands.chaos.link import Hosts, require_rights
from talking_portrait_ros.commands.chaos.live import RUN, LiveAvatar
from talking_portrait_ros.commands.chaos.proofs import Proof
from talking_portrait_ros.commands.chaos.timings import (
    NS_PER_S,
    intervals_ms,
    lags_ms,
    settled_after_s,
)

if TYPE_CHECKING:
    from talking_portrait_ros.ros.probe import Probe

TWO = (("references", "frames", "screen"), ("audio", "features", "latents"))
THREE = (("references", "frames", "screen"), ("latents",), ("audio", "features"))
PICTURES = ((), ("references", "audio", "features", "latents", "frames", "screen"))
"""Which nodes are on which host; the first is the robot's."""

ROBOT = 0  # the probe's host: Fast DDS asks but once per process for its addresses

CROSSING = ("audio", "features", "latents", "frames/compressed", "frames")
SPEECH_S = 600
CUT_S = 5.0
RECOVERY_S = 20.0
SETTLE_S = 3.0


class HostsAvatar(LiveAvatar):
    """An avatar whose nodes are spread over hosts; the probe is on the robot's."""

    def __init__(self, preset_name: str, placed: tuple[tuple[str, ...], ...]) -> None:
        """Prepare."""
        super().__init__(preset_name, "split")
        self._placed = placed
        self._folder = tempfile.TemporaryDirectory(prefix="talking_portrait_")
        self.hosts = Hosts([chr(ord("a") + index) for index in range(len(placed))])

    @property
    def environment(self) -> dict[str, str]:
        """With which a node is heard on other hosts."""
        kept = {k: v for k, v in super().environment.items() if not k.startswith("FASTDDS")}
        return {**kept, "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}

    def commands(self) -> list[list[str]]:
        """One `talking-portrait run` per host that has nodes."""
        speech = Path(self._folder.name, "speech.wav")
        write_speech(speech, SPEECH_S, None)
        sound = ["--audio", str(speech), *self._words]
        return [
            self.hosts.command(index, [*RUN, *sound, "--only", ",".join(nodes)])
            for index, nodes in enumerate(self._placed)
            if nodes
        ]

    def make_probe(self) -> Probe:
        """On the robot's host. It has not that host's shared memory, so it uses UDP alone."""
        plain = Path(self._folder.name, "fastdds.xml")
        plain.write_text('<dds xmlns="http://www.eprosima.com"/>')
        own = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET", "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4",
               "FASTDDS_DEFAULT_PROFILES_FILE": str(plain)}  # fmt: skip
        with _environment(own), self.hosts.inside(ROBOT):
            return super().make_probe()

    def __enter__(self) -> HostsAvatar:
        self.hosts.__enter__()
        try:
            return super().__enter__()
        except BaseException:
            self.hosts.__exit__()
            raise

    def __exit__(self, *exc: object) -> None:
        super().__exit__()
        self.hosts.__exit__()
        self._folder.cleanup()


@contextmanager
def _environment(own: dict[str, str]) -> Iterator[None]:
    """This process with other variables in its environment."""
    before = dict(os.environ)
    os.environ.update(own)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


LINKS: dict[str, dict[str, float]] = {
    "good link": {},
    "50 ms delay": {"delay_ms": 50.0},
    "5 % loss": {"loss": 0.05},
    "50 ms delay and 5 % loss": {"delay_ms": 50.0, "loss": 0.05},
}


def hosts(preset_name: str, full: bool) -> list[Proof]:
    """What crosses the link, then two and three hosts on a link that is bad."""
    require_rights()
    seconds = 60.0 if full else 8.0
    proofs = rates(preset_name)
    for name, placed in {"two hosts": TWO, "three hosts": THREE}.items():
        with HostsAvatar(preset_name, placed) as avatar:
            for link, condition in LINKS.items():
                proofs += on_a_link(avatar, f"{name}, {link}", condition, seconds)
            proofs += over_a_cut(avatar, f"{name}, link cut for {CUT_S:g} s")
    return proofs


def rates(preset_name: str) -> list[Proof]:
    """What one topic costs on the link: the rate with a listener on the robot less without."""
    with HostsAvatar(preset_name, PICTURES) as avatar:
        idle = rate_kb(avatar)
        found = {}
        for topic in CROSSING:
            with heard(avatar.probe, topic) as arrived:
                time.sleep(1.0)
                n_before = len(arrived)
                found[topic] = rate_kb(avatar) - idle, len(arrived) - n_before
    return [
        Proof(f"{topic} to the robot ({n} messages)", kb, "kB/s")
        for topic, (kb, n) in found.items()
    ]


def rate_kb(avatar: HostsAvatar, seconds: float = 4.0) -> float:
    """What crosses the link, kB/s."""
    before = avatar.hosts.n_bytes()
    time.sleep(seconds)
    return (avatar.hosts.n_bytes() - before) / seconds / 1e3


@contextmanager
def heard(probe: Probe, topic: str) -> Iterator[list[int]]:
    """A subscription on the robot, and when its messages came."""
    arrived: list[int] = []
    subscription = probe.hear_topic(topic, lambda _: arrived.append(time.time_ns()))
    try:
        yield arrived
    finally:
        probe.forget(subscription)


def on_a_link(
    avatar: HostsAvatar, name: str, condition: dict[str, Any], seconds: float
) -> list[Proof]:
    """Pace and lag on the robot's screen."""
    avatar.hosts.set_link(**condition)
    time.sleep(SETTLE_S)
    begun_ns, n_before = time.time_ns(), avatar.hosts.n_bytes()
    time.sleep(seconds)
    kb = (avatar.hosts.n_bytes() - n_before) / seconds / 1e3
    shown = avatar.shown(begun_ns)
    avatar.hosts.set_link()
    gaps, lags = intervals_ms(shown), lags_ms(shown)
    missed = 100 * float(np.mean([period.state != "shown" for period in shown]))
    return [
        Proof(f"{name}: rate on the link", kb, "kB/s"),
        Proof(f"{name}: interval between frames, p99", float(np.percentile(gaps, 99)), "ms", 60),
        Proof(f"{name}: lag, p95", float(np.percentile(lags, 95)), "ms"),
        Proof(f"{name}: largest lag", float(lags.max()), "ms", 600),
        Proof(f"{name}: periods without a frame of their own", missed, "%"),
    ]


def over_a_cut(avatar: HostsAvatar, name: str) -> list[Proof]:
    """Nothing crosses the link for some seconds; what is shown, and how it comes back."""
    time.sleep(SETTLE_S)
    begun_ns = time.time_ns()
    avatar.hosts.set_link(cut=True)
    time.sleep(CUT_S)
    avatar.hosts.set_link()
    ended_ns = time.time_ns()

    def back_s() -> float:
        return settled_after_s(avatar.shown(ended_ns), ended_ns)

    limit_s = time.monotonic() + RECOVERY_S
    while back_s() == float("inf") and time.monotonic() < limit_s:
        time.sleep(0.1)
    back = back_s()
    shown = avatar.shown(begun_ns)
    after_ns = ended_ns + int(min(back, RECOVERY_S) * NS_PER_S)
    lags = lags_ms([period for period in shown if period.screen_ns >= after_ns])
    return [
        Proof(f"{name}: longest interval", float(intervals_ms(shown).max()), "ms", 200),
        Proof(f"{name}: in time again after", back, "s", 5),
        Proof(f"{name}: largest lag from then on", float(lags.max(initial=0)), "ms", 600),
    ]
