"""Real processes that fork from their keeper: who is started anew, and what ends both."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from talking_portrait_ros.ros.keeper import BROKEN, KEEPER

PROGRAM = """
import os, signal, sys, time
from talking_portrait_ros.ros.keeper import keep
def live():
    signal.signal(signal.SIGTERM, end)
    print("alive", os.getpid(), os.getppid(), flush=True)
    {life}
    return 0
def end(*_):
    print("ended", os.getpid(), flush=True)
    os._exit(0)
sys.exit(keep(live, {kinds}))
"""
LIVES = "time.sleep(60)"


@pytest.fixture
def start():
    """Starts a keeper whose node lives as told; ends what is left of it."""
    started = []

    def begin(life=LIVES, kinds=()):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(life=life, kinds=kinds)], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, KEEPER: "rig_512"},
        )  # fmt: skip
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=20)


def next_life(process):
    """The pid of the life that has just begun."""
    word, pid, keeper = process.stdout.readline().split()
    assert (word, int(keeper)) == ("alive", process.pid)
    return int(pid)


def assert_gone(pid):
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_without_a_keeper_the_process_is_the_node(monkeypatch):
    monkeypatch.delenv(KEEPER, raising=False)
    code = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(life="pass", kinds=())],
        capture_output=True,
        text=True,
    )
    assert code.stdout.split()[2] == str(os.getpid())


def test_killed_node_is_forked_again_and_told_of(start):
    keeper = start()
    first = next_life(keeper)
    os.kill(first, signal.SIGKILL)
    assert keeper.stdout.readline() == "killed by SIGKILL; it is started anew\n"
    assert next_life(keeper) != first


@pytest.mark.parametrize("code", [0, 2])
def test_regular_end_and_users_mistake_end_the_keeper_too(start, code):
    keeper = start(f"return {code}")
    output, _ = keeper.communicate(timeout=20)
    assert keeper.returncode == code
    assert "started anew" not in output


def test_node_that_breaks_off_again_and_again_is_given_up(start):
    keeper = start("raise OSError")
    output, _ = keeper.communicate(timeout=20)
    assert keeper.returncode == BROKEN
    assert output.count("broke off with code 1; it is started anew") == 2


def test_signal_to_the_keeper_lets_the_node_end_in_good_order(start):
    keeper = start()
    node = next_life(keeper)
    keeper.send_signal(signal.SIGTERM)
    output, _ = keeper.communicate(timeout=20)
    assert keeper.returncode == 0
    assert output == f"ended {node}\n"


def test_no_node_outlives_its_keeper(start):
    keeper = start()
    node = next_life(keeper)
    keeper.kill()
    assert_gone(node)


def test_lives_share_what_the_keeper_has_loaded(start):
    """The stages' libraries are there from the first moment of every life."""
    keeper = start(
        "print('scipy.signal' in sys.modules, flush=True); time.sleep(60)", ("features",)
    )
    for _ in range(2):
        node = next_life(keeper)
        assert keeper.stdout.readline() == "True\n"
        os.kill(node, signal.SIGKILL)
        assert "killed by SIGKILL" in keeper.stdout.readline()


ENDING_NODE = """
import sys
from talking_portrait_ros.ros.avatar_node import AvatarNode, AvatarParameters
from talking_portrait_ros.ros.process import run_node
class Ending(AvatarNode):
    def __init__(self):
        super().__init__("ending", AvatarParameters())
        self.exit_code = 0
sys.exit(run_node(Ending))
"""


@pytest.mark.ros
def test_real_node_ends_with_its_own_code_under_a_keeper():
    """ROS has libraries whose exit handlers crash in a fork."""
    done = subprocess.run(
        [sys.executable, "-c", ENDING_NODE], capture_output=True, text=True, timeout=60,
        env={**os.environ, KEEPER: ""},
    )  # fmt: skip
    assert (done.returncode, "started anew" in done.stderr) == (0, False), done.stderr
