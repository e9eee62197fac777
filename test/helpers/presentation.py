"""Simulated arrivals for the presenter: time passes only where the test says so."""

from __future__ import annotations

import numpy as np

from talking_portrait_ros.chunks import AudioChunk, FrameChunk, Header, Ledger
from talking_portrait_ros.screen.config import ScreenConfig
from talking_portrait_ros.screen.presenter import Presenter

MS = 1_000_000
FRAME_NS = 40 * MS
START_NS = 1_700_000_000_000_000_000


def picture(k, size=4):
    return np.full((1, size, size, 3), k % 250, np.uint8)


def frames(k, *, epoch=0, end=False, image=None, stamp_ns=None):
    header = Header(
        START_NS + k * FRAME_NS if stamp_ns is None else stamp_ns,
        epoch, Ledger((("frames", 7.0),)), end,
    )  # fmt: skip
    return FrameChunk(header, picture(k) if image is None else image, k)


def sound(k, *, epoch=0, samples=None, end=False):
    """The 640 samples under frame k."""
    if samples is None:
        samples = np.full(640, 0.1 + 0.001 * k, np.float32)
    return AudioChunk(Header(START_NS + k * FRAME_NS, epoch, end_of_stream=end), samples,
                      16_000, k * 640)  # fmt: skip


def captured_ns(k):
    """Capture of the last sample under frame k."""
    return START_NS + (k + 1) * FRAME_NS


class Simulation:
    """Runs a presenter through events in order of time."""

    def __init__(self, presenter: Presenter | None = None):
        self.presenter = presenter or Presenter(ScreenConfig(margin_ms=10.0, max_delay_ms=600.0))
        self.events = []
        self.out = []  # (time shown, Presented)

    def at(self, time_ns, action):
        self.events.append((time_ns, len(self.events), action))

    def frame(self, k, need_ms, **options):
        time_ns = captured_ns(k) + round(need_ms * MS)
        self.at(time_ns, lambda: self.presenter.push_frames(frames(k, **options), time_ns))

    def sound(self, k, **options):
        self.at(captured_ns(k) + MS, lambda: self.presenter.push_sound(sound(k, **options)))

    def stream(self, ks, need_ms, epoch=0, image=None, samples=None):
        for k in ks:
            self.sound(k, epoch=epoch, samples=samples)
            self.frame(k, need_ms, epoch=epoch, image=image)

    def run(self, until_ns=None):
        for time_ns, _, action in sorted(self.events):
            self._tick(time_ns)
            action()
            self.out += [(time_ns, period) for period in self.presenter.tick(time_ns)]
        self.events.clear()
        self._tick(until_ns or 0)
        return self.out

    def _tick(self, until_ns):
        presenter = self.presenter
        while presenter.wake_ns is not None and presenter.wake_ns < until_ns:
            wake_ns = presenter.wake_ns
            self.out += [(wake_ns, period) for period in presenter.tick(wake_ns)]

    @property
    def periods(self):
        return [period for _, period in self.out]

    @property
    def kinds(self):
        return [period.kind for period in self.periods]

    def mouth_to_pixel_ms(self):
        return [(t - p.captured_ns) / MS for t, p in self.out if p.kind == "own"]
