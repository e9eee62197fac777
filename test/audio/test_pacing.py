from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from helpers.make_sound import tone

from talking_portrait_ros.audio.pacing import PacedAudio, PacingConfig, chunks_of
from talking_portrait_ros.audio.queued import QueueSource
from talking_portrait_ros.timebase import NS_PER_S

MS = 1_000_000
START_NS = 1_700_000_000 * NS_PER_S


class Wall:
    """A clock that goes where the test says."""

    def __init__(self):
        self.now_ns = START_NS

    def __call__(self):
        return self.now_ns

    def advance_ms(self, ms):
        self.now_ns += round(ms * MS)


class Microphone:
    """A device whose clock runs at `rate_hz` of the wall clock's seconds."""

    self_paced = True
    exhausted = False
    latency_ns = 7 * MS

    def __init__(self, wall, rate_hz=16_000.0):
        self.wall, self.rate_hz = wall, rate_hz
        self.begun_ns = wall.now_ns
        self.given = 0
        self.mute = False

    def read(self, n_samples):
        captured_ns = self.wall.now_ns - self.latency_ns - self.begun_ns
        there = max(0, int(captured_ns * self.rate_hz / NS_PER_S) // 160 * 160 - self.given)
        n = 0 if self.mute else min(n_samples, there)
        self.given += n
        return np.full(n, 0.25, np.float32)

    def skip(self):
        """What was captured up to now is lost."""
        there_ns = self.wall.now_ns - self.latency_ns - self.begun_ns
        self.given = int(there_ns * self.rate_hz / NS_PER_S) // 160 * 160

    def clear(self):
        raise AssertionError("a microphone keeps what it captured after the flush")

    def close(self):
        pass


def queue_of(sound, ended=True):
    source = QueueSource(start_ms=0)
    source.push(sound, 16_000)
    if ended:
        source.end()
    return source


def polled(paced, wall, n, step_ms=20):
    chunks = []
    for _ in range(n):
        wall.advance_ms(step_ms)
        chunks += paced.poll()
    return chunks


def assert_contiguous(chunks):
    for before, after in zip(chunks, chunks[1:], strict=False):
        assert after.first_sample == before.first_sample + len(before.samples)


def started(source, wall, **config):
    paced = PacedAudio(source, PacingConfig(**config), now_ns=wall)
    assert paced.poll() == []
    return paced


def test_chunks_leave_when_their_last_sample_is_due_with_exact_stamps():
    wall = Wall()
    sound = tone(440, 16_000)
    paced = started(queue_of(sound), wall)
    wall.advance_ms(19.9)
    assert paced.poll() == []
    chunks = polled(paced, wall, 60)
    assert_contiguous(chunks)
    for chunk in chunks:
        assert chunk.header.stamp_ns == START_NS + chunk.first_sample * 62_500
    np.testing.assert_array_equal(np.concatenate([c.samples for c in chunks]), sound)
    assert [c.header.end_of_stream for c in chunks] == [False] * (len(chunks) - 1) + [True]
    assert paced.ended


def test_a_source_with_nothing_to_say_is_silent_and_the_clock_goes_on():
    wall = Wall()
    source = QueueSource(start_ms=0)
    paced = started(source, wall)
    chunks = polled(paced, wall, 10)
    source.push(np.full(480, 0.5, np.float32), 16_000)
    chunks += polled(paced, wall, 10)
    sound = np.concatenate([c.samples for c in chunks])
    assert_contiguous(chunks)
    assert np.flatnonzero(sound).tolist() == list(range(3200, 3680))
    assert paced.counts.silence_samples == 20 * 320 - 480


def test_lead_in_and_tail_are_silence_around_the_source():
    wall = Wall()
    paced = started(queue_of(np.full(500, 0.5, np.float32)), wall, lead_in_ms=30, tail_ms=50)
    chunks = polled(paced, wall, 20)
    sound = np.concatenate([c.samples for c in chunks])
    assert np.flatnonzero(sound).tolist() == list(range(480, 980))
    assert len(sound) == 480 + 500 + 800
    assert chunks[-1].header.end_of_stream


def test_after_a_short_stall_nothing_is_lost_and_the_past_is_counted():
    wall = Wall()
    sound = tone(440, 16_000)
    paced = started(queue_of(sound), wall)
    chunks = polled(paced, wall, 5)
    wall.advance_ms(300)
    chunks += polled(paced, wall, 40)
    assert paced.counts.caught_up_chunks == 15
    assert_contiguous(chunks)
    np.testing.assert_array_equal(np.concatenate([c.samples for c in chunks]), sound)
    assert all(c.header.stamp_ns == START_NS + c.first_sample * 62_500 for c in chunks)


def test_after_a_long_stall_the_clock_starts_anew_without_losing_samples():
    wall = Wall()
    sound = tone(440, 6400)
    paced = started(queue_of(sound), wall)
    chunks = polled(paced, wall, 5)
    wall.advance_ms(3_600_000)
    assert len(paced.poll()) == 1
    chunks = [*chunks, *polled(paced, wall, 20)]
    assert paced.counts.restarts == 1
    assert chunks[-1].header.stamp_ns == pytest.approx(wall.now_ns, abs=300 * MS)
    assert sum(len(c.samples) for c in chunks) == 6400 - 320


def test_no_drift_after_a_day():
    wall = Wall()
    paced = started(QueueSource(), wall)
    paced._position = 24 * 3600 * 16_000 + 1  # as after a day
    wall.now_ns = START_NS + 24 * 3600 * NS_PER_S
    polled(paced, wall, 100, step_ms=7.3)
    assert abs(paced.next_due_ns - wall.now_ns) <= 20 * MS


def test_a_flush_voids_the_source_and_begins_the_epoch_on_a_frame():
    wall = Wall()
    source = queue_of(tone(440, 16_000), ended=False)
    paced = started(source, wall)
    before = polled(paced, wall, 5)
    assert paced.flush() == 1
    source.push(np.full(640, 0.125, np.float32), 16_000)
    after = polled(paced, wall, 10)
    assert {c.header.epoch for c in before} == {0}
    assert {c.header.epoch for c in after} == {1}
    assert after[0].first_sample == 1920  # 1600 were sent; the next frame begins at 1920
    assert after[0].header.stamp_ns == START_NS + 1920 * 62_500
    assert set(np.concatenate([c.samples for c in after])) == {0.0, 0.125}
    assert_contiguous(after)


def test_a_flush_to_an_epoch_that_is_over_changes_nothing():
    paced = PacedAudio(queue_of(tone(440, 3200)), now_ns=Wall())
    assert paced.flush(5) == 5
    assert paced.flush(5) == 5
    assert paced.flush(3) == 5
    assert paced.flush() == 6


@pytest.mark.parametrize("skew_ppm", [0, 150, -150])
def test_stamps_of_a_microphone_follow_its_clock_smoothly(skew_ppm):
    wall = Wall()
    microphone = Microphone(wall, 16_000 * (1 + skew_ppm * 1e-6))
    paced = started(microphone, wall)
    generator = np.random.default_rng(0)
    chunks, lags = [], []
    while wall.now_ns < START_NS + 60 * NS_PER_S:
        wall.advance_ms(5 + generator.uniform(0, 2))
        for chunk in paced.poll():
            chunks.append(chunk)
            end_ns = chunk.header.stamp_ns + 20 * MS
            true_ns = START_NS + (chunk.first_sample + 320) * NS_PER_S / microphone.rate_hz
            lags.append((end_ns - true_ns) / MS)
    assert_contiguous(chunks)
    assert max(map(abs, lags[250:])) < 10  # within the block that a device delivers
    steps = np.diff([c.header.stamp_ns for c in chunks])
    assert np.abs(steps - 20 * MS).max() <= 0.0015 * 20 * MS
    assert paced.counts.silence_samples == 0


def test_a_dead_microphone_gives_silence_and_its_return_does_not_add_delay():
    wall = Wall()
    microphone = Microphone(wall)
    paced = started(microphone, wall)
    polled(paced, wall, 50)
    microphone.mute = True
    silent = polled(paced, wall, 50)
    microphone.mute = False
    back = polled(paced, wall, 50)
    assert paced.counts.silence_samples > 10_000
    assert paced.counts.dropped_samples == pytest.approx(paced.counts.silence_samples, abs=2000)
    assert_contiguous([*silent, *back])
    assert back[-1].header.stamp_ns == pytest.approx(wall.now_ns - 30 * MS, abs=110 * MS)


def test_a_microphone_that_lost_sound_goes_on_at_its_true_time_without_further_silence():
    wall = Wall()
    microphone = Microphone(wall)
    paced = started(microphone, wall)
    polled(paced, wall, 50)
    microphone.mute = True
    polled(paced, wall, 50)
    microphone.skip()
    microphone.mute = False
    polled(paced, wall, 2)
    silence_samples = paced.counts.silence_samples
    back = polled(paced, wall, 50)
    assert paced.counts.silence_samples == silence_samples
    assert paced.counts.dropped_samples == 0
    assert all((chunk.samples == 0.25).all() for chunk in back)
    end_ns = back[-1].header.stamp_ns + 20 * MS
    assert end_ns == pytest.approx(wall.now_ns - microphone.latency_ns, abs=20 * MS)


def test_a_microphone_that_never_speaks_still_gives_a_clock():
    wall = Wall()
    microphone = Microphone(wall)
    microphone.mute = True
    chunks = polled(started(microphone, wall), wall, 50)
    assert len(chunks) > 40
    assert_contiguous(chunks)


def test_a_microphone_that_is_flushed_again_and_again_keeps_its_time():
    wall = Wall()
    microphone = Microphone(wall)
    paced = started(microphone, wall)
    polled(paced, wall, 33, step_ms=10)
    for epoch in range(1, 21):
        chunks = polled(paced, wall, 7, step_ms=10)
        assert paced.flush() == epoch
    chunks = polled(paced, wall, 10, step_ms=10)
    assert chunks[0].header.epoch == 20
    assert chunks[0].first_sample % 640 == 0
    end_ns = chunks[-1].header.stamp_ns + 20 * MS
    assert end_ns == pytest.approx(wall.now_ns - microphone.latency_ns, abs=25 * MS)
    assert end_ns <= wall.now_ns
    assert paced.counts.dropped_samples == 0


def test_chunks_of_gives_the_whole_source_at_once():
    sound = tone(440, 1000)
    chunks = list(chunks_of(queue_of(sound), chunk_ms=20))
    assert [len(c.samples) for c in chunks] == [320, 320, 320, 40]
    assert [c.header.stamp_ns for c in chunks] == [0, 20 * MS, 40 * MS, 60 * MS]
    assert [c.header.end_of_stream for c in chunks] == [False, False, False, True]
    np.testing.assert_array_equal(np.concatenate([c.samples for c in chunks]), sound)


def test_chunks_of_refuses_a_source_that_would_never_end():
    with pytest.raises(ValueError, match="live source"):
        next(chunks_of(Microphone(Wall())))
    with pytest.raises(ValueError, match="not ended"):
        list(chunks_of(queue_of(tone(440, 100), ended=False)))


def test_a_chunk_length_that_is_no_number_of_samples_is_refused():
    with pytest.raises(ValueError, match="not whole"):
        list(chunks_of(queue_of(tone(440, 100)), chunk_ms=0.01))


def test_run_ends_with_the_source_and_at_once_when_stopped():
    sound = tone(440, 1600)
    chunks = list(PacedAudio(queue_of(sound)).run())
    np.testing.assert_array_equal(np.concatenate([c.samples for c in chunks]), sound)
    stop = threading.Event()
    endless = PacedAudio(QueueSource(), PacingConfig(chunk_ms=200)).run(stop)
    threading.Timer(0.01, stop.set).start()
    assert list(endless) == []


def test_run_sleeps_between_chunks():
    busy = time.process_time()
    for _ in PacedAudio(queue_of(np.zeros(4800, np.float32))).run():
        pass
    assert time.process_time() - busy < 0.15  # of 0.3 s
