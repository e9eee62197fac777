from __future__ import annotations

from threading import Event

import pytest

from talking_portrait_ros.realtime.mailbox import Mailbox
from talking_portrait_ros.realtime.worker import Worker


def test_items_come_out_in_order():
    box = Mailbox(3, "drop_oldest")
    for item in "abc":
        box.put(item)
    assert [box.get() for _ in range(3)] == ["a", "b", "c"]


def test_newest_wins_where_items_stand_alone():
    box = Mailbox(2, "drop_oldest")
    assert [box.put(item) for item in "abcd"] == [0, 0, 1, 1]
    assert [box.get(), box.get(), box.n_dropped] == ["c", "d", 2]


def test_full_stream_is_given_up_at_once():
    box = Mailbox(3, "drop_all")
    assert [box.put(item) for item in "abcd"] == [0, 0, 0, 3]
    assert (len(box), box.get()) == (1, "d")


@pytest.mark.parametrize(
    ("overflow", "dropped", "left"),
    [("drop_all", [0, 0, 2, 1], [9]), ("drop_oldest", [0, 0, 1, 2], [9])],
)
def test_items_count_by_their_size_and_a_single_one_may_always_wait(overflow, dropped, left):
    box = Mailbox(5, overflow, size=int)
    assert [box.put(item) for item in (2, 3, 1, 9)] == dropped
    assert [box.get() for _ in range(len(box))] == left


def test_void_items_are_removed_and_counted():
    box = Mailbox(5, "drop_all")
    for item in range(5):
        box.put(item)
    assert box.discard(lambda item: item < 3) == 3
    assert [box.get(), box.get()] == [3, 4]


def test_closed_mailbox_gives_none():
    box = Mailbox(5, "drop_all")
    box.put(1)
    box.close()
    assert box.get() is None


def test_mailbox_without_room_is_refused():
    with pytest.raises(ValueError, match="Mailbox.capacity=0"):
        Mailbox(0, "drop_all")


def test_worker_works_off_the_mailbox_and_stops():
    box, seen, done = Mailbox(5, "drop_all"), [], Event()

    def work(item):
        seen.append(item)
        if item == 2:
            done.set()

    worker = Worker("test", box, work)
    for item in range(3):
        box.put(item)
    assert done.wait(5)
    worker.stop()
    box.put(3)
    assert seen == [0, 1, 2]


def test_worker_that_finishes_works_off_what_waits():
    box, begun, go, done = Mailbox(3, "drop_oldest"), Event(), Event(), []

    def work(item):
        begun.set()
        assert go.wait(10)
        done.append(item)

    worker = Worker("test", box, work)
    for item in "abc":
        box.put(item)
    assert begun.wait(10)
    box.end()
    go.set()
    worker.finish()
    assert done == ["a", "b", "c"]
    assert box.get() is None
