from __future__ import annotations

import threading
import time

import av
import numpy as np
import pytest
from helpers.presentation import MS, Simulation, captured_ns

from talking_portrait_ros.screen.sinks import FileSink, NoneSink, build_sink, parse_screen


def recorded(path, simulation, until_ns, sink=None, at_most_waiting=20):
    sink = sink or FileSink(path)
    sink.open()
    simulation.run(until_ns)
    for period in simulation.periods:
        while sink._queue.qsize() > at_most_waiting:
            time.sleep(0.001)
        sink.show([period])
    sink.close()
    with av.open(str(path)) as container:
        levels = [int(f.to_ndarray(format="rgb24").mean().round()) for f in
                  container.decode(video=0)]  # fmt: skip
    with av.open(str(path)) as container:
        sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    return levels, sound


def flash(k, white):
    return np.full((1, 64, 64, 3), 250 if k == white else 20, np.uint8)


def click(k, at):
    sound = np.zeros(640, np.float32)
    sound[:80] = 0.9 * (k == at)
    return sound


def test_a_live_recording_is_in_sync_through_lost_late_and_slow_frames(tmp_path):
    """White frame 60 and the click under it, after everything that bends the live clock."""
    simulation = Simulation()
    for k in range(80):
        simulation.sound(k, samples=click(k, 60))
        need_ms = 80 + 100 * (k > 20) + 70 * (k == 45)
        if k != 40:
            simulation.frame(k, need_ms, image=flash(k, 60), end=k == 79)
    levels, sound = recorded(tmp_path / "x.mp4", simulation, captured_ns(200))
    assert {"held", "inserted"} <= set(simulation.kinds)
    assert len(levels) == 80
    assert np.flatnonzero(np.array(levels) > 128).tolist() == [60]
    assert np.argmax(np.abs(sound) > 0.3) / 640 == pytest.approx(60, abs=0.1)


def test_frames_that_were_held_are_repeated_in_the_file(tmp_path):
    simulation = Simulation()
    for k in range(20):
        if k not in (10, 11, 12):
            image = np.full((1, 32, 32, 3), 10 * k, np.uint8)
            simulation.frame(k, 80, image=image, end=k == 19)
    levels, _ = recorded(tmp_path / "x.mp4", simulation, captured_ns(100))
    assert len(levels) == 20
    assert levels[10] == pytest.approx(90, abs=3)
    assert levels[11] == pytest.approx(90, abs=3)


def test_a_flush_leaves_a_gap_of_still_picture_and_silence_in_the_file(tmp_path):
    simulation = Simulation()
    loud = np.full(640, 0.5, np.float32)
    simulation.stream(range(20), 80, image=flash(0, 0), samples=loud)
    simulation.at(captured_ns(15), lambda: simulation.presenter.flush(1))
    simulation.stream(range(18, 40), 80, epoch=1, image=flash(0, 1), samples=loud)
    levels, sound = recorded(tmp_path / "x.mp4", simulation, captured_ns(50))
    jump = next(p.frame for p in simulation.periods if p.header.epoch == 1 and p.frame)
    assert jump == 18
    before = max(p.frame for p in simulation.periods if p.header.epoch == 0)
    frames = [p.frame for p in simulation.periods if p.frame is not None]
    assert len(levels) == frames[-1] + 1
    silent = sound[(before + 1) * 640 + 200 : jump * 640 - 200]
    assert len(silent) > 640
    assert np.abs(silent).max() < 0.05


def test_an_encoder_that_cannot_follow_repeats_pictures_and_keeps_the_length(tmp_path):
    sink = FileSink(tmp_path / "x.mp4")
    may_encode = threading.Event()
    encode = sink._encode

    def slow_encode():
        may_encode.wait()
        encode()

    sink._thread = threading.Thread(target=slow_encode)
    threading.Timer(0.3, may_encode.set).start()
    simulation = Simulation()
    for k in range(120):
        simulation.frame(k, 80, image=flash(k, 119), end=k == 119)
    levels, _ = recorded(tmp_path / "x.mp4", simulation, captured_ns(300), sink, 1000)
    assert sink.repeated_frames == 120 - 50
    assert len(levels) == 120


def test_a_failing_recording_is_reported_at_the_end_and_does_not_stall(tmp_path):
    sink = FileSink(tmp_path / "x.mp4")
    sink.open()
    simulation = Simulation()
    for k in range(5):
        simulation.frame(k, 80, image=np.zeros((1, 3, 3, 3), np.uint8), end=k == 4)
    sink.show([period for _, period in simulation.run(captured_ns(100))])
    sink._thread.join(10)
    assert sink.closed  # so that the player does not go on for nothing
    with pytest.raises(ValueError, match="writing failed .*must be even"):
        sink.close()
    sink.close()


def test_what_was_recorded_before_a_failure_can_be_played(tmp_path):
    simulation = Simulation()
    for k in range(8):
        size = 32 if k < 5 else 64
        image = np.full((1, size, size, 3), 20 * k, np.uint8)
        simulation.frame(k, 80, image=image, end=k == 7)
    with pytest.raises(ValueError, match="keep one size"):
        recorded(tmp_path / "x.mp4", simulation, captured_ns(100))
    with av.open(str(tmp_path / "x.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5


def test_screens_are_named_by_a_word(tmp_path):
    assert parse_screen("window").kind == "window"
    assert parse_screen("none").kind == "none"
    target = parse_screen(f"file:{tmp_path}/a.mp4")
    assert (target.kind, target.path) == ("file", tmp_path / "a.mp4")
    assert isinstance(build_sink(target), FileSink)
    assert isinstance(build_sink(parse_screen("none")), NoneSink)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("television", "choose window, file:PATH"),
        ("file:", "choose window, file:PATH"),
        ("none:x", "choose window, file:PATH"),
        ("file:x.gif", "unknown ending"),
        ("file:/no/such/folder/x.mp4", "does not exist; create it"),
    ],
)
def test_a_screen_that_is_none_is_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse_screen(text)


def test_the_screen_none_takes_anything():
    sink = NoneSink()
    sink.open()
    sink.show([])
    sink.close()
    assert not sink.closed


def test_sound_under_the_recorded_frames_is_exact_whatever_the_delay_does(tmp_path):
    simulation = Simulation()
    for k in range(60):
        simulation.sound(k)
        simulation.frame(k, 80 if k < 10 else 130, image=flash(k, 0), end=k == 59)
    simulation.run(captured_ns(100) + MS)
    recorded_sound = [p.sound for p in simulation.periods if p.sound is not None]
    positions = [chunk.first_sample for chunk in recorded_sound]
    assert positions == list(range(0, 60 * 640, 640))
