"""A run ends by the clock or when somebody asks, between two steps."""

from __future__ import annotations

import os
import signal
import time

from talking_portrait_ros.training.loop.stopping import Stopper


def test_a_signal_asks_for_a_stop_and_ends_nothing():
    before = signal.getsignal(signal.SIGTERM)
    with Stopper(minutes=0) as stopper:
        assert not stopper.due
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopper.due
    assert signal.getsignal(signal.SIGTERM) is before


def test_time_is_up(monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    limited, endless = Stopper(minutes=2), Stopper(minutes=0)
    now_s[0] = 219.0
    assert not limited.due
    now_s[0] = 220.0
    assert limited.due and not endless.due
