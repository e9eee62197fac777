from __future__ import annotations

import numpy as np

from talking_portrait_ros.audio.held import HeldSource
from talking_portrait_ros.audio.pacing import PacedAudio
from talking_portrait_ros.audio.queued import QueueSource


class Broken(QueueSource):
    """A file that cannot be decoded beyond its first 640 samples."""

    def read(self, n_samples):
        if not len(self):
            raise ValueError("cannot be decoded")
        return super().read(n_samples)


def paced(endless, kind=QueueSource, on_failure=None):
    queue = kind(start_ms=0)
    queue.push(np.full(640, 0.5, np.float32), 16000)
    if kind is QueueSource:
        queue.end()
    held = HeldSource(queue, endless, on_failure)
    now = [0]
    return held, PacedAudio(held, now_ns=lambda: now[0]), now


def polled(audio, now, ms):
    chunks = audio.poll()
    for _ in range(0, ms, 20):
        now[0] += 20_000_000
        chunks += audio.poll()
    return np.concatenate([chunk.samples for chunk in chunks])


def test_nothing_is_said_before_the_release_and_nothing_is_lost_by_it():
    held, audio, now = paced(endless=True)
    assert not polled(audio, now, 200).any()
    held.release()
    assert (polled(audio, now, 200) != 0).sum() == 640


def test_endless_source_goes_on_in_silence():
    held, audio, now = paced(endless=True)
    held.release()
    polled(audio, now, 200)
    assert not audio.ended
    assert not polled(audio, now, 200).any()


def test_other_source_ends_with_its_last_sample():
    held, audio, now = paced(endless=False)
    held.release()
    polled(audio, now, 200)
    assert audio.ended


def test_source_that_fails_ends_the_stream_and_is_reported_once():
    errors = []
    held, audio, now = paced(False, Broken, errors.append)
    held.release()
    assert len(polled(audio, now, 200)) == 640
    assert audio.ended
    assert [str(error) for error in errors] == ["cannot be decoded"]


def test_endless_source_that_fails_is_silent_from_then_on():
    errors = []
    held, audio, now = paced(True, Broken, errors.append)
    held.release()
    assert len(polled(audio, now, 200)) == 3200
    assert not audio.ended
    assert len(errors) == 1
