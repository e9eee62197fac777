"""Real processes under the supervisor: who is started anew, and what ends them all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

pytest.importorskip("honcho")

PROGRAM = """
import sys
from talking_portrait_ros.commands.supervision import NodePrinter, RespawningManager
manager = RespawningManager(NodePrinter(sys.stdout))
for name, command in zip(sys.argv[1::2], sys.argv[2::2]):
    manager.add_process(name, command)
manager.loop()
sys.exit(manager.returncode)
"""
LIVES = f"exec {sys.executable} -S -c 'import time; print(\"alive\", flush=True); time.sleep(60)'"


def ends_with(code):
    return f"exec {sys.executable} -S -c 'raise SystemExit({code})'"


@pytest.fixture
def supervise():
    """Starts a supervisor of named commands; ends what is left of it."""
    started = []

    def begin(**commands):
        words = [word for pair in commands.items() for word in pair]
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words], stdout=subprocess.PIPE, text=True,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(20)


def is_ours(process):
    try:
        words = process.cmdline()
    except psutil.Error:  # it has just died
        return False
    return "-S" in words and "alive" in " ".join(words)


def living(process, n):
    """The `n` processes that sleep below the supervisor, once they are there."""
    deadline = time.monotonic() + 20
    while True:
        below = psutil.Process(process.pid).children(recursive=True)
        found = [p for p in below if is_ours(p)]
        if len(found) == n:
            return found
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_killed_process_is_started_anew_and_the_others_go_on(supervise):
    process = supervise(left=LIVES, right=LIVES)
    before = {p.pid for p in living(process, 2)}
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    psutil.Process(process.pid)
    deadline = time.monotonic() + 20
    while (now := {p.pid for p in living(process, 2)}) == before or victim in now:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(now & before) == 1
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert "killed by SIGKILL; it is started anew" in output
    assert not any(psutil.pid_exists(pid) for pid in before | now)


@pytest.mark.parametrize("code", [0, 2])
def test_regular_end_and_users_mistake_end_all(supervise, code):
    process = supervise(first=LIVES, second=ends_with(code))
    output, _ = process.communicate(timeout=20)
    assert process.returncode == code
    assert "started anew" not in output


def test_process_that_breaks_off_again_and_again_ends_all(supervise):
    process = supervise(first=LIVES, second=ends_with(1))
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert output.count("broke off with code 1; it is started anew") == 2


def test_process_that_does_not_end_is_killed_and_that_is_said(supervise):
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    process = supervise(
        left=LIVES, right=f"exec {sys.executable} -S -c '{deaf}print(\"alive\"); time.sleep(60)'"
    )
    living(process, 2)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    said = [line for line in output.splitlines() if "it was killed" in line]
    assert len(said) == 1
    assert "right" in said[0]
    assert "did not end within 5 s" in said[0]
    assert "started anew" not in output
