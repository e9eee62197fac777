"""The partner's track beside the own one, on a simulated clock."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from talking_portrait_ros.audio.partner import PartnerTrack
from talking_portrait_ros.chunks import AudioChunk, Header

RATE = 16_000
MS = 1_000_000
START_NS = 1_700_000_000_000_000_000


def voice(n: int, rate_hz: int = RATE, seed: int = 1) -> np.ndarray:
    """Slow random sound, the same at every rate, so that a shift can be measured."""
    generator = np.random.default_rng(seed)
    knots = generator.normal(0, 0.2, 40_000)
    return np.interp(np.arange(n) * 1000 / rate_hz, np.arange(len(knots)), knots).astype("f4")


@dataclass
class Sender:
    """A partner's device: when its chunks arrive, and with which stamps."""

    rate_hz: int = RATE
    chunk_ms: int = 20
    latency_ms: float = 8.0
    clock_ms: float = 0.0
    speed: float = 1.0
    stamped: bool = True
    lost: set = field(default_factory=set)

    def chunks(self, seconds: float):
        """(arrival in ns after the start, chunk), in order."""
        n = self.rate_hz * self.chunk_ms // 1000
        sound = voice(int(seconds * self.rate_hz) + n, self.rate_hz)
        for k in range(int(seconds * 1000 / self.chunk_ms)):
            begin_ns = int(k * self.chunk_ms * MS / self.speed)
            stamp = START_NS + begin_ns + int(self.clock_ms * MS) if self.stamped else 0
            chunk = AudioChunk(Header(stamp), sound[k * n : (k + 1) * n], self.rate_hz, k * n)
            if k not in self.lost:
                yield begin_ns + int((self.chunk_ms + self.latency_ms) * MS), chunk


def run(track: PartnerTrack, sender: Sender, seconds: float) -> np.ndarray:
    """What is heard of the partner in `seconds` of own silence, 20 ms at a time."""
    arriving = list(sender.chunks(seconds))
    heard = []
    for k in range(int(seconds * 50)):
        now_ns = (k + 1) * 20 * MS + 1 * MS
        while arriving and arriving[0][0] <= now_ns:
            track.hear(arriving.pop(0)[1])
        own = AudioChunk(Header(START_NS + k * 20 * MS), np.zeros(320, np.float32), RATE, k * 320)
        joined = track.join(own)
        heard.append(joined.heard_partner)
        assert joined.partner is None or joined.partner.shape == (320,)
    return np.concatenate(heard)


def lag_ms(heard: np.ndarray, at_s: float, within_ms: int = 500, seed: int = 1) -> float:
    """By how much `heard` lags behind the true sound, around `at_s`."""
    truth = voice(len(heard) + RATE, seed=seed)
    low, n = int(at_s * RATE), RATE // 2
    piece = heard[low : low + n]
    lags = range(0, within_ms * 16, 2)
    scores = [float(piece @ truth[low - lag : low - lag + n]) for lag in lags if lag <= low]
    return lags[int(np.argmax(scores))] / 16


def test_without_a_partner_the_own_chunk_comes_back_as_it_is() -> None:
    own = AudioChunk(Header(START_NS), np.ones(320, np.float32), RATE, 0)
    assert PartnerTrack().join(own) is own


def test_the_partner_is_heard_a_little_late_and_without_a_hole() -> None:
    track = PartnerTrack(delay_ms=40)
    heard = run(track, Sender(), 6)
    assert lag_ms(heard, 4) == pytest.approx(40, abs=15)
    assert track.delay_ms == pytest.approx(lag_ms(heard, 5.4), abs=2)
    assert (track.counts.late_samples, track.counts.gaps, track.counts.restarts) == (0, 0, 0)
    assert track.offset_ms == 0


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000])
def test_another_rate_is_resampled(rate_hz: int) -> None:
    track = PartnerTrack(delay_ms=40)
    heard = run(track, Sender(rate_hz=rate_hz), 6)
    assert lag_ms(heard, 4) == pytest.approx(40, abs=15)
    assert track.counts.late_samples < 0.05 * RATE


def test_a_device_with_more_latency_costs_a_little_silence_once() -> None:
    track = PartnerTrack(delay_ms=40)
    heard = run(track, Sender(latency_ms=110), 10)
    assert 110 <= lag_ms(heard, 8) <= 160
    assert 0 < track.counts.late_samples < 0.2 * RATE
    assert track.counts.absences == 0


def test_another_clock_is_found_out_and_reported() -> None:
    track = PartnerTrack(delay_ms=40)
    heard = run(track, Sender(clock_ms=-7_000), 6)
    assert track.offset_ms == pytest.approx(7_000, abs=40)
    assert lag_ms(heard, 4) < 80


def test_chunks_without_stamps_are_taken_as_they_arrive() -> None:
    track = PartnerTrack(delay_ms=40)
    heard = run(track, Sender(stamped=False), 6)
    assert lag_ms(heard, 4) < 80


@pytest.mark.parametrize("speed", [0.999, 1.001])
def test_a_clock_that_runs_at_another_speed_is_followed_for_a_minute(speed: float) -> None:
    track = PartnerTrack(delay_ms=40)
    run(track, Sender(speed=speed), 60)
    assert 10 < track.delay_ms < 80
    assert track.counts.late_samples + track.counts.dropped_samples < 0.05 * RATE
    assert track.counts.restarts == 0


def test_a_lost_chunk_is_a_gap_of_its_own_length() -> None:
    track = PartnerTrack(delay_ms=40)
    heard = run(track, Sender(lost={100, 101}), 6)
    assert track.counts.gaps == 1
    assert lag_ms(heard, 1) == pytest.approx(lag_ms(heard, 4), abs=15)


def test_a_partner_who_stops_is_silent_and_comes_again() -> None:
    track = PartnerTrack(delay_ms=40)
    heard = run(track, Sender(lost=set(range(100, 250))), 8)
    assert track.counts.absences == 1
    assert not heard[3 * RATE : 4 * RATE].any()
    assert lag_ms(heard, 6.5) == pytest.approx(40, abs=15)
    assert track.is_present


def test_an_offset_in_the_signal_is_taken_away_and_clipping_counted() -> None:
    track = PartnerTrack(delay_ms=0)
    sound = np.full(1600, 0.4, np.float32)
    sound[800:810] = 3.0
    track.hear(AudioChunk(Header(START_NS), sound, RATE, 0))
    own = AudioChunk(Header(START_NS), np.zeros(1600, np.float32), RATE, 0)
    partner = track.join(own).partner
    assert partner is not None
    assert abs(partner[600:790].mean()) < 0.02
    assert np.abs(partner).max() <= 1.0
    assert track.counts.clipped_samples == 10


def test_what_is_said_before_the_own_track_begins_is_forgotten_without_a_count() -> None:
    track = PartnerTrack(delay_ms=0)
    for k in range(30):
        header = Header(START_NS + k * 200 * MS)
        track.hear(AudioChunk(header, np.full(3200, 0.1, np.float32), RATE, k * 3200))
    own = AudioChunk(Header(START_NS + 5_800 * MS), np.zeros(320, np.float32), RATE, 0)
    track.join(own)
    assert track.delay_ms == pytest.approx(0, abs=1)
    assert track.counts.dropped_samples == 0


def test_a_flood_is_bounded_and_counted() -> None:
    track = PartnerTrack()
    for k in range(30):
        header = Header(START_NS + k * 200 * MS)
        track.hear(AudioChunk(header, np.zeros(3200, np.float32), RATE, k * 3200))
        if k == 0:
            track.join(AudioChunk(Header(START_NS), np.zeros(320, np.float32), RATE, 0))
    assert track.counts.dropped_samples > 3 * RATE


def test_a_jump_of_the_own_track_leaves_the_partner_in_step() -> None:
    track = PartnerTrack(delay_ms=40)
    n = 20 * 320
    track.hear(AudioChunk(Header(START_NS), voice(n), RATE, 0))
    for k in (3, 12):
        header = Header(START_NS + k * 20 * MS)
        track.join(AudioChunk(header, np.zeros(320, np.float32), RATE, k * 320))
        assert track.delay_ms == pytest.approx(40, abs=1)


def test_a_rate_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="partner: sample_rate_hz=10"):
        PartnerTrack().hear(AudioChunk(Header(), np.zeros(5, np.float32), 10, 0))
