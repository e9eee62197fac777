from __future__ import annotations

import numpy as np
import pytest
from helpers.presentation import (
    FRAME_NS,
    MS,
    START_NS,
    Simulation,
    captured_ns,
    frames,
    picture,
    sound,
)

from talking_portrait_ros.chunks import AudioChunk, FrameChunk, Header
from talking_portrait_ros.screen.config import ScreenConfig
from talking_portrait_ros.screen.presenter import Presenter

END_NS = captured_ns(100_000)


def simulated(n, need_ms, *, without=(), config=None):
    simulation = Simulation(Presenter(config) if config else None)
    for k in range(n):
        simulation.sound(k)
        if k not in without:
            simulation.frame(k, need_ms(k) if callable(need_ms) else need_ms, end=k == n - 1)
    simulation.run(END_NS)
    return simulation


def test_steady_frames_are_shown_each_in_its_period_with_the_sound_under_it():
    simulation = simulated(100, 80)
    assert simulation.kinds == ["own"] * 100
    assert [p.frame for p in simulation.periods] == list(range(100))
    assert {round(ms, 3) for ms in simulation.mouth_to_pixel_ms()} == {90.0}  # 80 and the margin
    times = [t for t, _ in simulation.out]
    assert set(np.diff(times)) == {FRAME_NS}
    for k, period in enumerate(simulation.periods):
        assert period.image[0, 0, 0] == k
        assert period.header.stamp_ns == START_NS + k * FRAME_NS
        assert period.sound.first_sample == 640 * k
        assert period.sound.header.stamp_ns == period.header.stamp_ns
        np.testing.assert_array_equal(period.sound.samples, sound(k).samples)
        np.testing.assert_array_equal(period.played, sound(k).samples)
    assert simulation.presenter.counts.misses == 0
    assert simulation.presenter.finished


def test_the_ledger_tells_the_wait_on_the_screen():
    period = simulated(30, 80).periods[-1]
    assert period.header.ledger.entries == (("frames", 7.0), ("screen", 10.0))


def test_nothing_is_presented_before_the_first_frame():
    presenter = Presenter()
    presenter.push_sound(sound(0))
    assert presenter.next_due_ns is None
    assert presenter.tick(END_NS) == []


def test_a_lost_frame_holds_the_last_picture_and_keeps_sound_and_delay():
    simulation = simulated(60, 80, without=(20,))
    assert simulation.kinds[20] == "held"
    assert simulation.periods[20].image[0, 0, 0] == 19
    np.testing.assert_array_equal(simulation.periods[20].sound.samples, sound(20).samples)
    assert simulation.kinds.count("own") == 59
    assert simulation.presenter.counts.misses == 1
    assert simulation.mouth_to_pixel_ms()[-1] == pytest.approx(90)


def test_a_lost_frame_whose_follower_is_there_is_blended_from_both():
    slow = ScreenConfig(min_delay_ms=200, max_delay_ms=600)
    simulation = simulated(60, 80, without=(20,), config=slow)
    assert simulation.kinds[20] == "blended"
    assert simulation.periods[20].image[0, 0, 0] == 20  # half way between 19 and 21
    assert simulation.presenter.counts.misses == 1


def test_stray_late_frames_are_dropped_and_do_not_add_delay():
    simulation = simulated(600, lambda k: 80 + (60 if k in (100, 300, 500) else 0))
    assert [k for k, kind in enumerate(simulation.kinds) if kind == "held"] == [100, 300, 500]
    assert simulation.presenter.counts.late_dropped == 3
    assert simulation.mouth_to_pixel_ms()[-1] == pytest.approx(90)


def test_a_rare_frame_that_comes_within_the_grace_is_shown_as_it_comes_and_holds_back_no_other():
    simulation = simulated(600, lambda k: 98 if k % 50 == 25 else 80)
    assert set(simulation.kinds) == {"own"}
    delays = simulation.mouth_to_pixel_ms()
    assert {round(ms, 3) for k, ms in enumerate(delays) if k % 50 == 25} == {98.0}
    assert {round(ms, 3) for ms in delays[200:]} <= {90.0, 96.0, 98.0}
    assert np.median(delays) == pytest.approx(96)  # 98 less the grace, and the margin
    assert sum(len(p.played) for p in simulation.periods) == 600 * 640 + 6 * 16


def test_a_lost_frame_is_given_up_after_the_grace_and_the_next_period_is_on_time():
    simulation = simulated(60, 80, without=(20,))
    times = [(t - p.captured_ns) / MS for t, p in simulation.out]
    assert times[20] == pytest.approx(90 + simulation.presenter.config.grace_ms)
    assert times[21] == pytest.approx(90)


def test_a_frame_that_a_later_one_has_overtaken_is_not_waited_for():
    simulation = simulated(
        60, 80, without=(20,), config=ScreenConfig(min_delay_ms=200, max_delay_ms=600)
    )
    assert simulation.kinds[20] == "blended"
    shown_ns, period = simulation.out[20]
    assert (shown_ns - period.captured_ns) / MS == pytest.approx(200)


def test_without_grace_every_frame_is_held_back_for_the_rare_late_ones():
    config = ScreenConfig(margin_ms=10.0, max_delay_ms=600.0, grace_ms=0.0)
    simulation = simulated(600, lambda k: 98 if k % 50 == 25 else 80, config=config)
    assert np.median(simulation.mouth_to_pixel_ms()) == pytest.approx(108)


def test_frames_that_all_come_late_make_the_delay_grow_at_once_with_sound_and_lips_together():
    simulation = simulated(200, lambda k: 80 if k < 50 else 180)
    misses = [k for k, kind in enumerate(simulation.kinds) if kind != "own"]
    assert misses == list(range(misses[0], misses[0] + len(misses)))
    assert len(misses) <= 7  # 100 ms are two and a half periods, noticed after two late frames
    assert simulation.mouth_to_pixel_ms()[-1] == pytest.approx(190)
    length = sum(len(p.played) for p in simulation.periods)
    assert length == 200 * 640 + 1600  # the sound waits for the lips: 100 ms are put in
    after = simulation.kinds.index("inserted") + simulation.kinds.count("inserted")
    assert simulation.periods[after].played[0] < 0.01  # and comes back softly
    assert all(np.array_equal(p.sound.samples, sound(p.frame).samples)
               for p in simulation.periods if p.frame is not None)  # fmt: skip


def test_a_delay_that_is_no_longer_needed_shrinks_slowly_without_a_miss():
    simulation = simulated(900, lambda k: max(80, 300 - 35 * k))  # a slow start
    delays = simulation.mouth_to_pixel_ms()
    assert delays[0] > 250
    assert delays[-1] == pytest.approx(90, abs=10)
    assert min(np.diff(delays[10:])) >= -10.001
    assert np.sum(np.diff(delays[10:]) < 0) <= len(delays) * 0.04 / 0.2 + 1
    assert set(simulation.kinds[10:]) == {"own"}
    assert sum(len(p.played) for p in simulation.periods[10:]) < 890 * 640


def test_in_silence_a_delay_shrinks_faster():
    loud = simulated(150, lambda k: max(80, 300 - 35 * k))
    simulation = Simulation()
    for k in range(150):
        simulation.sound(k, samples=np.zeros(640, np.float32))
        simulation.frame(k, max(80, 300 - 35 * k))
    simulation.run(captured_ns(150))
    assert simulation.mouth_to_pixel_ms()[-1] == pytest.approx(90, abs=10)
    assert loud.mouth_to_pixel_ms()[-1] >= 140


def test_what_makes_frames_late_again_and_again_makes_one_pause():
    simulation = simulated(2000, lambda k: 150 if k > 200 and k % 400 < 10 else 80)
    pauses = np.diff([kind == "inserted" for kind in simulation.kinds], prepend=False)
    assert np.count_nonzero(pauses) == 2  # begun and ended
    assert [k for k, kind in enumerate(simulation.kinds) if kind == "held"] == [400, 401]
    assert simulation.mouth_to_pixel_ms()[-1] == pytest.approx(145, abs=6)


def test_late_frames_that_do_not_come_again_are_forgotten_after_24_seconds():
    simulation = simulated(1200, lambda k: 150 if 300 <= k < 310 else 80)
    delays = simulation.mouth_to_pixel_ms()
    assert min(delays[320:890]) >= 140
    assert delays[-1] == pytest.approx(90, abs=4)


def test_a_start_that_is_a_second_late_is_made_up_for_within_sixteen_seconds():
    simulation = simulated(400, lambda k: max(80, 1080 - 35 * k))
    delays = simulation.mouth_to_pixel_ms()
    assert delays[0] > 1000
    assert delays[-1] == pytest.approx(90, abs=5)


def test_jitter_is_covered_without_misses():
    generator = np.random.default_rng(0)
    simulation = simulated(1000, lambda k: 80 + generator.uniform(0, 15))
    assert simulation.presenter.counts.miss_rate <= 0.01
    assert max(simulation.mouth_to_pixel_ms()) <= 80 + 15 + 10 + 1


def test_reordered_frames_are_shown_in_order():
    simulation = simulated(50, lambda k: 80 + (45 if k % 2 == 0 else 0),
                           config=ScreenConfig(min_delay_ms=150))  # fmt: skip
    own = [p.frame for p in simulation.periods if p.kind == "own"]
    assert own == sorted(own)
    assert len(own) >= 49


def test_a_stage_that_is_too_slow_leaves_a_moving_face_with_a_bounded_delay():
    simulation = simulated(500, lambda k: 80 + 4 * k)
    late = [p for p in simulation.periods if p.kind in ("own", "late")]
    assert len(late) > 400
    shown = [int(p.image[0, 0, 0]) for p in late]
    assert len(set(shown)) > 200
    grace_ms = simulation.presenter.config.grace_ms
    assert max(simulation.mouth_to_pixel_ms()) <= 600 + grace_ms + 1


def test_stamps_of_another_clock_do_not_blacken_the_screen():
    simulation = simulated(100, 5000)
    assert simulation.kinds.count("own") >= 97
    behind = simulated(100, -3000)
    assert behind.kinds.count("own") >= 97


def test_the_least_delay_is_kept():
    simulation = simulated(50, 20, config=ScreenConfig(min_delay_ms=120))
    assert set(map(round, simulation.mouth_to_pixel_ms())) == {120}


@pytest.mark.parametrize("lead", [0, 800])
def test_bounds_may_change_while_the_stream_runs(lead):
    presenter = Presenter(ScreenConfig(max_delay_ms=100.0))
    presenter.lead_sound(lead)
    simulation = Simulation(presenter)
    simulation.stream(range(100), 20)
    simulation.stream(range(100, 300), 640)
    changed = ScreenConfig(min_delay_ms=660.0, max_delay_ms=1120.0)
    simulation.at(captured_ns(50), lambda: presenter.set_bounds(changed))
    simulation.run(captured_ns(290))
    assert simulation.kinds[-200:] == ["own"] * 200
    assert set(map(round, simulation.mouth_to_pixel_ms()[-200:])) == {660}
    presenter.set_bounds(ScreenConfig(max_delay_ms=100.0))
    simulation.stream(range(300, 1200), 20)
    simulation.run(captured_ns(1190))
    assert simulation.mouth_to_pixel_ms()[-1] <= max(30, lead / 16 + 45)


def test_sound_for_a_slow_device_runs_ahead_without_gaps_and_the_picture_waits_for_it():
    simulation = Simulation()
    simulation.presenter.lead_sound(800)
    generator = np.random.default_rng(0)
    heard = generator.uniform(0.1, 0.5, (50, 640)).astype(np.float32)
    for k in range(50):
        simulation.sound(k, samples=heard[k])
        simulation.frame(k, 20)
    simulation.run(captured_ns(50))
    assert set(map(round, simulation.mouth_to_pixel_ms())) == {90}  # 50 ms of lead and a frame
    played = np.concatenate([p.played for p in simulation.periods])
    np.testing.assert_array_equal(played, heard.reshape(-1)[800 : 800 + len(played)])
    matched = np.concatenate([p.sound.samples for p in simulation.periods])
    np.testing.assert_array_equal(matched, heard.reshape(-1)[: len(matched)])


def test_every_frame_is_shown_after_the_longest_delay_that_is_allowed():
    presenter = Presenter(ScreenConfig(min_delay_ms=5000.0, max_delay_ms=5000.0))
    simulation = Simulation(presenter)
    simulation.stream(range(200), 20)
    simulation.run(captured_ns(350))
    assert presenter.counts.overflow_dropped == 0
    assert simulation.kinds[:200] == ["own"] * 200


def test_flooding_stays_bounded_and_the_newest_win():
    presenter = Presenter()
    for k in range(1000):
        presenter.push_frames(frames(k, stamp_ns=START_NS + k * FRAME_NS), START_NS)
        presenter.push_sound(sound(k))
    assert presenter.counts.overflow_dropped == 1000 - 64
    assert len(presenter._buffer._frames) == 64
    assert 999 in presenter._buffer._frames
    assert len(presenter._sound._samples) <= 2.6 * 16_000


def test_a_flush_drops_lower_epochs_at_once_cuts_the_sound_and_fades_into_the_new_face():
    simulation = Simulation()
    simulation.stream(range(30), 80)
    flushed_ns = captured_ns(20) + 5 * MS
    simulation.at(flushed_ns, lambda: simulation.presenter.flush(1))
    simulation.stream(range(24, 60), 80, epoch=1)
    simulation.run(captured_ns(60))
    after = [p for t, p in simulation.out if t >= flushed_ns]
    assert {p.header.epoch for p in after} == {1}
    assert [p.cut for p in after].count(True) == 1
    assert after[0].cut
    assert np.abs(after[0].played[80:]).max() == 0
    fresh = next(i for i, p in enumerate(after) if p.kind == "own")
    assert {p.kind for p in after[:fresh]} == {"eased"}
    assert all(np.abs(p.played[80:]).max() == 0 for p in after[:fresh])
    assert after[fresh].frame == 24
    seen = [int(period.image[0, 0, 0]) for period in after]
    assert seen[0] > 0
    assert set(seen[1:fresh]) == {0}  # the face rests
    assert 0 < seen[fresh] < 24
    assert int(after[fresh + 2].image[0, 0, 0]) == 26
    assert simulation.presenter.counts.void_dropped > 0
    assert simulation.presenter.counts.misses == 0


def test_sound_of_a_lower_epoch_is_not_heard_under_frames_of_a_higher_one():
    simulation = Simulation()
    for k in range(30):
        simulation.sound(k)
    simulation.at(captured_ns(30), lambda: simulation.presenter.flush(1))
    for k in range(20, 40):
        simulation.frame(k, 450, epoch=1)
    simulation.run(captured_ns(50))
    own = [p for p in simulation.periods if p.kind == "own"]
    assert own[0].frame == 20
    assert not any(p.sound.samples.any() or p.played.any() for p in own)


def test_no_frame_of_a_lower_epoch_is_shown_after_a_higher_one_was_seen():
    presenter = Presenter()
    presenter.push_frames(frames(0), captured_ns(0))
    presenter.push_sound(sound(1, epoch=2))
    presenter.push_frames(frames(1), captured_ns(1))
    presenter.push_frames(frames(2, epoch=1), captured_ns(2))
    assert presenter.epoch == 2
    assert presenter.counts.void_dropped == 2
    assert all(p.kind == "eased" for p in presenter.tick(captured_ns(5)))


def test_a_source_that_was_started_anew_with_a_lower_epoch_is_shown():
    simulation = Simulation()
    simulation.stream(range(20), 80, epoch=3)
    later = START_NS + 10_000 * MS
    for k in range(20):
        time_ns = later + (k + 1) * FRAME_NS + 80 * MS
        chunk = frames(k, epoch=0, stamp_ns=later + k * FRAME_NS)
        simulation.at(time_ns, lambda c=chunk, t=time_ns: simulation.presenter.push_frames(c, t))
    simulation.run(later + 19 * FRAME_NS)
    assert simulation.periods[-1].kind == "own"
    assert simulation.periods[-1].header.epoch == 0


def test_after_the_end_a_new_session_begins_from_index_zero_with_its_sound():
    simulation = Simulation()
    for k in range(20):
        simulation.sound(k, end=k == 19)
        simulation.frame(k, 80, end=k == 19)
    later = START_NS + 1_200 * MS
    for k in range(20):
        stamp_ns = later + k * FRAME_NS
        heard = AudioChunk(Header(stamp_ns), np.full(640, 0.7, np.float32), 16_000, k * 640)
        time_ns = stamp_ns + FRAME_NS + 80 * MS
        chunk = frames(k, stamp_ns=stamp_ns, end=k == 19)
        simulation.at(time_ns - 70 * MS, lambda c=heard: simulation.presenter.push_sound(c))
        simulation.at(time_ns, lambda c=chunk, t=time_ns: simulation.presenter.push_frames(c, t))
    simulation.run(END_NS)
    assert simulation.kinds == ["own"] * 40
    assert [p.frame for p in simulation.periods] == [*range(20), *range(20)]
    assert all(p.sound.samples[-1] == np.float32(0.7) for p in simulation.periods[20:])
    assert simulation.presenter.finished


def test_a_clock_that_jumps_does_not_freeze_the_face():
    simulation = Simulation()
    simulation.stream(range(20), 80)
    jump = 5_000 * MS
    for k in range(20, 60):
        stamp_ns = START_NS + k * FRAME_NS + jump
        time_ns = stamp_ns + FRAME_NS + 80 * MS
        chunk = frames(k, stamp_ns=stamp_ns)
        simulation.at(time_ns, lambda c=chunk, t=time_ns: simulation.presenter.push_frames(c, t))
    simulation.run(captured_ns(60) + jump)
    assert simulation.kinds[-30:] == ["own"] * 30


def test_a_stalled_screen_catches_up_and_counts_what_it_missed():
    presenter = Presenter()
    for k in range(20):
        presenter.push_sound(sound(k))
        presenter.push_frames(frames(k), captured_ns(k) + 80 * MS)
    late_ns = presenter.next_due_ns + 5 * FRAME_NS
    periods = presenter.tick(late_ns)
    assert [p.frame for p in periods] == [0, 1, 2, 3, 4, 5]
    assert [p.on_time for p in periods] == [False] * 5 + [True]
    assert presenter.counts.misses == 5
    assert presenter.next_due_ns == late_ns + FRAME_NS


def test_a_screen_that_slept_for_an_hour_does_not_replay_it():
    presenter = Presenter()
    for k in range(20):
        presenter.push_frames(frames(k), captured_ns(k))
    assert len(presenter.tick(captured_ns(0) + 3_600_000 * MS)) == 1


def test_a_sound_device_may_pace_the_periods():
    presenter = Presenter(ScreenConfig(clock="sound"))
    assert presenter.play(START_NS) is None
    shown = []
    for k in range(100):
        presenter.push_sound(sound(k))
        presenter.push_frames(frames(k), captured_ns(k) + 80 * MS)
        skewed_ns = captured_ns(k) + 95 * MS + k * 40_000  # 0.1 % slow
        shown.append(presenter.play(skewed_ns))
    assert [p.frame for p in shown] == list(range(100))
    assert presenter.counts.misses == 0


def test_sound_that_never_comes_is_silence_and_counted():
    simulation = Simulation()
    for k in range(10):
        simulation.frame(k, 80, end=k == 9)
    simulation.run(END_NS)
    assert simulation.kinds == ["own"] * 10
    assert not any(p.played.any() for p in simulation.periods)
    assert simulation.presenter.missing_sound_samples == 6400


def test_a_chunk_of_many_frames_and_an_empty_last_chunk_end_the_stream():
    presenter = Presenter()
    images = np.concatenate([picture(k) for k in range(5)])
    presenter.push_frames(FrameChunk(Header(START_NS), images, 0), captured_ns(4))
    empty = np.zeros((0, 4, 4, 3), np.uint8)
    presenter.push_frames(FrameChunk(Header(captured_ns(4), end_of_stream=True), empty, 5),
                          captured_ns(4))  # fmt: skip
    periods = presenter.tick(captured_ns(20))
    assert [p.frame for p in periods] == [0, 1, 2, 3, 4]
    assert [p.header.end_of_stream for p in periods] == [False] * 4 + [True]
    assert presenter.finished
    assert presenter.next_due_ns is None


def test_frames_that_the_end_has_overtaken_begin_no_new_stream():
    presenter = Presenter()
    presenter.push_frames(FrameChunk(Header(START_NS), picture(0), 0), captured_ns(0))
    presenter.tick(captured_ns(4))
    empty = np.zeros((0, 4, 4, 3), np.uint8)
    presenter.push_frames(FrameChunk(Header(captured_ns(1), end_of_stream=True), empty, 2),
                          captured_ns(4))  # fmt: skip
    late = Header(START_NS + presenter.config.timebase.frame_ns)
    presenter.push_frames(FrameChunk(late, picture(1), 1), captured_ns(5))
    assert presenter.finished
    assert presenter.counts.late_dropped == 1
    assert presenter.tick(captured_ns(9)) == []


def test_sound_of_another_rate_is_refused():
    chunk = AudioChunk(Header(), np.zeros(10, np.float32), 44_100, 0)
    with pytest.raises(ValueError, match="sound at 44100 Hz, expected 16000"):
        Presenter().push_sound(chunk)


def test_a_least_delay_above_the_greatest_is_refused():
    with pytest.raises(ValueError, match="must not exceed max_delay_ms"):
        ScreenConfig(min_delay_ms=700)


def test_frames_that_change_their_size_are_shown_as_they_are():
    simulation = Simulation()
    for k in range(20):
        image = picture(k, size=4 if k < 10 else 6)
        simulation.frame(k, 80, image=image)
    simulation.run(captured_ns(20))
    assert simulation.periods[-1].image.shape == (6, 6, 3)
