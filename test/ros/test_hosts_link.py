"""The switch between hosts: what it delays, loses, cuts and counts, without namespaces."""

from __future__ import annotations

import multiprocessing
import os
import socket
import time

import pytest

pytest.importorskip("rclpy")

from talking_portrait_ros.commands.chaos import link

FRAME = bytes(range(64))


@pytest.fixture
def switch():
    """A served switch between two pairs of sockets: our ends, its condition, its counts."""
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)]
    context = multiprocessing.get_context("fork")
    condition, n_bytes = context.Array("d", [0.0, 0.0, 0.0]), context.Array("q", 2)
    taps = [theirs.fileno() for _, theirs in pairs]
    process = context.Process(target=link.serve, args=(taps, condition, n_bytes), daemon=True)
    process.start()
    ours = [mine for mine, _ in pairs]
    for mine in ours:
        mine.settimeout(5)
    yield ours, condition, n_bytes
    process.kill()
    process.join()


def arrived(receiver, timeout_s):
    receiver.settimeout(timeout_s)
    try:
        return receiver.recv(2048)
    except TimeoutError:
        return None


def test_frames_go_to_the_other_host_unchanged_and_are_counted(switch):
    (left, right), _, n_bytes = switch
    left.send(FRAME)
    assert arrived(right, 5) == FRAME
    assert arrived(left, 0.05) is None
    assert list(n_bytes) == [len(FRAME), 0]


def test_a_delayed_frame_does_not_come_before_its_time(switch):
    (left, right), condition, _ = switch
    condition[:] = [0.2, 0.0, 0.0]
    begun_s = time.monotonic()
    left.send(FRAME)
    assert arrived(right, 5) == FRAME
    assert time.monotonic() - begun_s >= 0.2


@pytest.mark.parametrize(("loss", "cut", "low", "high"), [(0.5, 0, 10, 40), (0.0, 1, 0, 0)])
def test_a_bad_link_loses_its_share_and_a_cut_one_everything(switch, loss, cut, low, high):
    (left, right), condition, _ = switch
    condition[:] = [0.0, loss, float(cut)]
    n_arrived = 0
    for _ in range(50):
        left.send(FRAME)
        n_arrived += arrived(right, 0.03) is not None
    assert low <= n_arrived <= high


def test_without_the_right_to_make_hosts_one_line_says_which_is_needed(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(link.shutil, "which", lambda name: f"/sbin/{name}")
    with pytest.raises(ValueError, match="CAP_NET_ADMIN"):
        link.require_rights()
