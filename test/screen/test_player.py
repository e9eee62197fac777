from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from talking_portrait_ros.chunks import AudioChunk, FrameChunk, Header
from talking_portrait_ros.screen.config import ScreenConfig
from talking_portrait_ros.screen.player import Player
from talking_portrait_ros.screen.presenter import Presenter

MS = 1_000_000


class Sink:
    def __init__(self):
        self.closed = False
        self.log = []
        self.shown = []

    def open(self):
        self.log.append(("open", threading.get_ident()))

    def show(self, periods):
        self.shown += periods

    def close(self):
        self.log.append(("close", threading.get_ident()))


class Speaker:
    """A device that always wants more."""

    latency_samples = 160

    def __init__(self):
        self.written, self.cuts, self.closed = [], 0, False

    def write(self, samples):
        self.written.append(samples)

    def cut(self):
        self.cuts += 1

    def wait_for_room(self, timeout_s):
        time.sleep(0.001)
        return True

    def close(self):
        self.closed = True


def feed(player, n=5, epoch=0, end=True):
    """n frames that are already due, and their sound."""
    begun_ns = time.time_ns() - n * 40 * MS
    sound = np.full(n * 640 + 160, 0.5, np.float32)
    player.push_sound(AudioChunk(Header(begun_ns, epoch), sound, 16_000, 0))
    images = np.zeros((n, 4, 4, 3), np.uint8)
    player.push_frames(FrameChunk(Header(begun_ns, epoch, end_of_stream=end), images, 0))


def test_periods_reach_sinks_speaker_and_listener_and_all_is_closed_at_the_end():
    sink, speaker, heard = Sink(), Speaker(), []

    def listen(period, shown_ns):
        heard.append((period, shown_ns))
        if period.header.end_of_stream:
            player.stop()

    player = Player(Presenter(), [sink], speaker, listen)
    feed(player)
    player.run()
    assert [period.frame for period in sink.shown] == [0, 1, 2, 3, 4]
    assert [period for period, _ in heard] == sink.shown
    assert all(shown_ns >= period.due_ns for period, shown_ns in heard)
    played = np.concatenate(speaker.written)
    assert len(played) == 5 * 640
    assert played.all()
    assert [word for word, _ in sink.log] == ["open", "close"]
    assert speaker.closed


def test_a_window_that_the_user_closes_ends_the_player():
    sink = Sink()
    player = Player(Presenter(), [sink])
    thread = threading.Thread(target=player.run)
    thread.start()
    sink.closed = True
    thread.join(5)
    assert not thread.is_alive()


def test_a_flush_cuts_the_speaker_at_once_and_only_once():
    speaker = Speaker()
    player = Player(Presenter(), speaker=speaker)
    player.flush(3)
    player.flush(3)
    assert speaker.cuts == 1


def test_a_speaker_may_pace_the_periods():
    sink, speaker = Sink(), Speaker()
    player = Player(
        Presenter(ScreenConfig(clock="sound")), [sink], speaker,
        lambda period, _: player.stop() if period.header.end_of_stream else None,
    )  # fmt: skip
    feed(player, n=30)
    player.run()
    assert [period.frame for period in sink.shown] == list(range(30))


def test_sinks_are_closed_when_one_of_them_fails():
    class Failing(Sink):
        def show(self, periods):
            raise ValueError("disk full")

    good, bad = Sink(), Failing()
    player = Player(Presenter(), [good, bad])
    with pytest.raises(ValueError, match="disk full"):
        player.run()
    assert [word for word, _ in good.log] == ["open", "close"]
    assert [word for word, _ in bad.log] == ["open", "close"]
