from __future__ import annotations

import threading

import numpy as np
from helpers.make_sound import tone

from talking_portrait_ros.screen.speaker import OutputQueue

RESERVE = 480


def test_sound_comes_out_whole_after_the_reserve():
    queue = OutputQueue(16_000)
    queue.write(tone(300, 640))
    assert not queue.pull(RESERVE).any()
    np.testing.assert_array_equal(queue.pull(640), tone(300, 640))


def test_a_dry_queue_plays_silence_and_builds_its_reserve_again():
    queue = OutputQueue(16_000)
    assert not queue.pull(1000).any()
    assert queue.underruns == 1
    assert len(queue) == RESERVE


def test_flooding_is_bounded_and_the_newest_stay():
    queue = OutputQueue(16_000)
    for k in range(100):
        queue.write(np.full(640, k / 100, np.float32))
    assert len(queue) == 4000
    assert queue.dropped_samples > 50_000
    assert queue.pull(4000)[-1] == np.float32(0.99)


def test_a_cut_leaves_five_milliseconds_that_die_away():
    queue = OutputQueue(16_000)
    queue.pull(RESERVE)
    queue.write(np.ones(2000, np.float32))
    queue.cut()
    left = queue.pull(RESERVE)
    assert left[0] > 0.99
    assert not left[80:].any()
    assert not len(queue)


def played_for_two_minutes(skew):
    """A device whose clock runs faster by `skew`: the length of the queue over time."""
    queue, taken, lengths = OutputQueue(16_000), 0.0, []
    piece = np.zeros(640, np.float32)
    for k in range(120 * 25):
        queue.write(piece)
        taken += 640 * (1 + skew)
        queue.pull(int(taken))
        taken -= int(taken)
        if k > 25 * 30:
            lengths.append(len(queue))
    return queue, lengths


def test_clocks_that_differ_do_not_run_the_queue_dry_or_full():
    for skew in (1000e-6, -1000e-6):
        queue, lengths = played_for_two_minutes(skew)
        assert queue.underruns == 0
        assert queue.dropped_samples == 0
        assert 0 < min(lengths) <= max(lengths) < 2 * RESERVE


def test_waiting_for_room_ends_when_the_device_has_taken_enough():
    queue = OutputQueue(16_000)
    assert queue.wait_for_room(0)
    queue.write(np.zeros(640, np.float32))
    assert not queue.wait_for_room(0)
    threading.Timer(0.01, queue.pull, [640]).start()
    assert queue.wait_for_room(5)
