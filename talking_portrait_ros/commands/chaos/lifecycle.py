"""Every transition from every state, Ctrl-C in each, memory given back, live changes."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from talking_portrait_ros.chunks import F32, U8
from talking_portrait_ros.commands.chaos.live import LiveAvatar
from talking_portrait_ros.commands.chaos.proofs import Proof
from talking_portrait_ros.commands.chaos.timings import NS_PER_S, intervals_ms, settled_after_s
from talking_portrait_ros.commands.chaos.voice import Voice
from talking_portrait_ros.commands.graph import Graph
from talking_portrait_ros.frames.references import AVATAR

if TYPE_CHECKING:
    from talking_portrait_ros.ros.steering import Steering

NODES = ("references", "screen", "frames", "latents", "features", "fused", "audio")
BESIDE = "chaos_beside"
MIB = 1024 * 1024
END_S = 30.0
BACK_S = 30.0
CONFIGURING_S = 0.2
LAPS = 2

LAP = (
    ("active", "configure", False), ("active", "activate", False), ("active", "cleanup", False),
    ("active", "deactivate", True),
    ("inactive", "configure", False), ("inactive", "deactivate", False),
    ("inactive", "activate", True), ("active", "deactivate", True),
    ("inactive", "cleanup", True),
    ("unconfigured", "activate", False), ("unconfigured", "deactivate", False),
    ("unconfigured", "cleanup", False), ("unconfigured", "configure", True),
    ("inactive", "activate", True),
)  # fmt: skip
"""Every transition from every state that is no end: where, which, whether it may be made."""

ENDS = {
    "active": (),
    "inactive": ("deactivate",),
    "unconfigured": ("deactivate", "cleanup"),
    "finalized, from active": ("shutdown",),
    "finalized, from inactive": ("deactivate", "shutdown"),
    "finalized, from unconfigured": ("deactivate", "cleanup", "shutdown"),
    "configuring": ("deactivate", "cleanup"),
}
"""How an active node gets to the state in which it is interrupted."""


def lifecycle(avatar: LiveAvatar, speech: F32, full: bool) -> list[Proof]:
    """What can change live, then the transitions, at last Ctrl-C: each node in another state."""
    found = Found()
    proofs = [*portrait_swapped(avatar, speech), *parameters_changed(avatar)]
    proofs += transitions_made(avatar, speech, found)
    if full:
        for number in range(len(ENDS)):
            interrupted_beside(avatar, number, found)
    for node, end in zip(avatar.nodes(), ENDS, strict=False):
        bring_to(end, node, avatar.steering(node), found)
    return [*proofs, *found.proofs()]


@dataclass
class Found:
    """What was found of transitions and Ctrl-C.

    Attributes:
        n_asked: transitions asked for.
        wrong: those that were made and may not be, or the reverse.
        n_ends: Ctrl-C in some state of some node, beside those of the running avatar.
        ended_badly: those of them with another code than 0, or with a traceback.
    """

    n_asked: int = 0
    wrong: list[str] = field(default_factory=list)
    n_ends: int = 0
    ended_badly: list[str] = field(default_factory=list)

    def proofs(self) -> list[Proof]:
        """All of it, against its bounds."""
        wrong, badly = ", ".join(self.wrong), ", ".join(self.ended_badly)
        return [
            Proof("transitions asked for", self.n_asked, ""),
            Proof(f"transitions that went wrong ({wrong})", len(self.wrong), "", 0),
            Proof("Ctrl-C in some state of some node", self.n_ends, ""),
            Proof(f"Ctrl-C that ended badly ({badly})", len(self.ended_badly), "", 0),
        ]


def transitions_made(avatar: LiveAvatar, speech: F32, found: Found) -> list[Proof]:
    """Every node of the running avatar goes its laps, one after the other; then it must talk."""
    growth_mb = {
        node: walk(node, avatar.steering(node), process, found)
        for node, process in avatar.nodes().items()
    }
    ended_ns = time.time_ns()
    with Voice(avatar.probe, speech):
        avatar.wait(
            lambda: settled_after_s(avatar.shown(ended_ns), ended_ns) < BACK_S,
            BACK_S, "the face does not come back after all transitions",
        )  # fmt: skip
    most_mb, node = max((mb, node) for node, mb in growth_mb.items())
    back_s = settled_after_s(avatar.shown(ended_ns), ended_ns)
    return [
        Proof("face in time again after the last transition", back_s, "s"),
        Proof(f"memory that a lap keeps after cleanup, most ({node})", most_mb, "MB", 10),
    ]


def walk(node: str, steering: Steering, process: psutil.Process, found: Found) -> float:
    """Lap by lap; the memory that the cleanup of the last lap leaves above that of the first."""
    left_mb = []
    for _ in range(LAPS):
        for state, transition, may_be_made in LAP:
            is_made = steering.change(transition)
            found.n_asked += 1
            if is_made != may_be_made or (not is_made and steering.state() != state):
                found.wrong.append(f"{node}: {transition} from {state}")
            if is_made and transition == "cleanup":
                left_mb.append(process.memory_info().rss / MIB)
    return left_mb[-1] - left_mb[0]


def bring_to(end: str, node: str, steering: Steering, found: Found) -> None:
    """Bring an active node to the state in which it is to be interrupted."""
    for transition in ENDS[end]:
        found.n_asked += 1
        if not steering.change(transition):
            found.wrong.append(f"{node}: {transition}, on the way to {end}")
    if end == "configuring":
        steering.ask_to_change("configure")
        time.sleep(CONFIGURING_S)


def interrupted_beside(avatar: LiveAvatar, number: int, found: Found) -> None:
    """Nodes beside the avatar, each brought to another state; Ctrl-C there."""
    graph = Graph("split", BESIDE, {"screen": {"output": "none"}}, only=NODES)
    with processes(graph, avatar.environment) as started:
        for index, (node, process) in enumerate(started.items()):
            end = [*ENDS][(index + number) % len(ENDS)]
            steering = avatar.steering(f"/{BESIDE}/{node}")
            while steering.state() != "active":
                time.sleep(0.05)
            bring_to(end, node, steering, found)
            process.send_signal(signal.SIGINT)
            try:
                output, _ = process.communicate(timeout=END_S)
            except subprocess.TimeoutExpired:
                output = "Traceback: none, it does not end"
            found.n_ends += 1
            if process.returncode or "Traceback" in output:
                found.ended_badly.append(f"{node}, {end}: code {process.returncode}")


@contextmanager
def processes(
    graph: Graph, environment: dict[str, str]
) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """The nodes of `graph`, each a process; what still runs in the end is killed."""
    with tempfile.TemporaryDirectory(prefix="talking_portrait_") as folder:
        started = {
            node: subprocess.Popen(
                graph.command(node, Path(folder)), shell=True, env=environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )
            for node in graph.nodes
        }  # fmt: skip
        try:
            yield started
        finally:
            for process in started.values():
                process.kill()
                process.wait()


def parameters_changed(avatar: LiveAvatar) -> list[Proof]:
    """On every node of the running avatar: bad values, and values that may not change now."""
    n_asked, accepted, unreasoned = 0, [], []
    for node in avatar.nodes():
        steering = avatar.steering(node)
        unfit = [("portraits", ["no such picture.png"])] if node == "references" else []
        for name, bad in [*bad_values(steering), *unfit]:
            reason = steering.set(name, bad)
            n_asked += 1
            if reason is None:
                accepted.append(f"{node}.{name}={bad!r}")
            elif not reason:
                unreasoned.append(f"{node}.{name}={bad!r}")
    generator = "fused" if "fused" in avatar.nodes() else "latents"
    live = avatar.steering(generator).set("latents.mouth", 0.5)
    return [
        Proof("bad values, and values that are not live, offered", n_asked, ""),
        Proof(f"of these accepted ({', '.join(accepted)})", len(accepted), "", 0),
        Proof(f"of these rejected without a reason ({', '.join(unreasoned)})", len(unreasoned),
              "", 0),
        Proof(f"live value rejected ({live or ''})", float(live is not None), "", 0),
    ]  # fmt: skip


def bad_values(steering: Steering) -> Iterator[tuple[str, Any]]:
    """For each parameter with a range a number beyond it, for each choice one that is none."""
    for described in steering.descriptors():
        name = described.name
        for interval in described.floating_point_range:
            yield name, interval.to_value + 1.0
        for interval in described.integer_range:
            yield name, interval.to_value + 1
        if described.additional_constraints:
            yield name, "no such choice"


@dataclass
class Watch:
    """Looks at what the screen shows while the portrait is swapped for one of other colours.

    Attributes:
        avatar: whose screen.
        n_dark: pictures that are darker than half of the darkest before.
        is_other: whether the other portrait has been seen.
    """

    avatar: LiveAvatar
    n_dark: int = 0
    is_other: bool = False

    def __post_init__(self) -> None:
        before = list(self.avatar.probe.pictures)
        self._darkest = 0.5 * min(float(picture.mean()) for _, picture in before)
        self._warmth = np.sign(warmth(before[-1][1]))
        self._seen_ns = before[-1][0]

    def look(self) -> bool:
        """Look at the pictures since the last look; whether the other portrait was seen."""
        for shown_ns, picture in list(self.avatar.probe.pictures):
            if shown_ns > self._seen_ns:
                self._seen_ns = shown_ns
                self.n_dark += bool(picture.mean() < self._darkest)
                self.is_other |= bool(np.sign(warmth(picture)) != self._warmth)
        return self.is_other


def warmth(picture: U8) -> float:
    """How much redder than blue a picture [H, W, 3] is."""
    red, _, blue = picture.mean(axis=(0, 1))
    return float(red - blue)


def recoloured_avatar(folder: Path) -> str:
    """The drawn avatar with red and blue exchanged, as a file with its landmarks beside it."""
    from PIL import Image

    from talking_portrait_ros.frames.avatar import drawn_avatar
    from talking_portrait_ros.frames.portrait import save_landmarks

    avatar = drawn_avatar()
    assert avatar.landmarks is not None
    path = folder / "blue.png"
    Image.fromarray(np.ascontiguousarray(avatar.image[..., ::-1])).save(path)
    save_landmarks(path, avatar.landmarks)
    return str(path)


def portrait_swapped(avatar: LiveAvatar, speech: F32) -> list[Proof]:
    """Another portrait, while the avatar talks: when it is seen, and what is seen until then."""
    avatar.probe.see_pictures()
    references = avatar.steering("references")
    with (
        tempfile.TemporaryDirectory(prefix="talking_portrait_") as folder,
        Voice(avatar.probe, speech),
    ):
        avatar.wait(lambda: len(avatar.probe.pictures) > 10, 10, "no pictures come")
        seen = Watch(avatar)
        begun_ns = time.time_ns()
        reason = references.set("portraits", [recoloured_avatar(Path(folder))])
        assert reason is None, reason
        avatar.wait(seen.look, 30, "the other portrait does not come to the screen")
        swapped_s = (time.time_ns() - begun_ns) / NS_PER_S
        time.sleep(1.0)
        seen.look()
        references.set("portraits", [AVATAR])  # the other one's file goes
    longest_ms = intervals_ms(avatar.shown(begun_ns)).max()
    return [
        Proof("portrait swapped after", swapped_s, "s"),
        Proof("pictures meanwhile that are darker than half of any before", seen.n_dark, "", 0),
        Proof("longest interval meanwhile", float(longest_ms), "ms", 200),
    ]
