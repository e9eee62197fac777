"""Sessions under loss, repetition, disorder and wrong chunks: they go on, and find back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from helpers.tiny_stages import Grey, Jaw, Loudness, sound
from hypothesis import given, settings
from hypothesis import strategies as st

from talking_portrait_ros.chunks import Reference, References
from talking_portrait_ros.realtime.chain import Chain
from talking_portrait_ros.realtime.epochs import HIGHEST, SILENCE_S, EpochWatch
from talking_portrait_ros.realtime.session import MOST_REPEATS, Session

CHAIN = [("features", Loudness()), ("latents", Jaw()), ("frames", Grey())]
N_CHUNKS = 30
PORTRAIT = References((Reference(np.full((8, 8, 3), 100, np.uint8)),))
FAULTS = ("good", "good", "lost", "twice", "late", "epoch", "void", "rate", "jump", "past")


def broken(kind, index, chunks):
    """What comes instead of a chunk."""
    chunk = chunks[index]
    header = chunk.header
    return {
        "good": [chunk],
        "lost": [],
        "twice": [chunk, chunk],
        "late": [chunk, chunks[max(0, index - 3)]],
        "epoch": [chunk.with_header(replace(header, epoch=header.epoch + 1)), chunk],
        "void": [chunk.with_header(replace(header, epoch=0)), chunk],
        "rate": [replace(chunk, sample_rate_hz=8000), chunk],
        "jump": [replace(chunk, first_sample=chunk.first_sample + 10**6), chunk],
        "past": [chunk.with_header(header.at(0)), chunk],
    }[kind]


@settings(deadline=None, max_examples=50, database=None)
@given(st.lists(st.sampled_from(FAULTS), min_size=N_CHUNKS, max_size=N_CHUNKS))
def test_after_any_disorder_the_frames_of_a_clean_stretch_come_once_and_in_order(faults):
    chain = Chain(CHAIN)
    chain.renew(PORTRAIT)
    chunks = sound(N_CHUNKS + 200, epoch=5)
    for index, kind in enumerate(faults):
        for chunk in broken(kind, index, chunks):
            try:
                list(chain.push(chunk))
            except ValueError as error:
                assert "sample_rate_hz" in str(error)
    clean = sound(200, epoch=9, first=N_CHUNKS * 320)
    after = [o for c in clean for name, o in chain.push(c) if name == "frames"]
    assert all(o.header.epoch == 9 for o in after)
    frames = [o.first_frame + i for o in after for i in range(len(o.frames))]
    assert frames == list(range(N_CHUNKS // 2, N_CHUNKS // 2 + len(frames)))
    assert len(frames) >= 98


def features_session():
    made = Session("features", Loudness())
    made.renew(PORTRAIT)
    return made


def test_repeated_and_overtaken_chunks_are_counted_and_break_nothing():
    made = features_session()
    chunks = sound(20)
    outputs = [o for c in chunks[:10] for o in made.push(c)]
    outputs += [o for c in (chunks[9], chunks[3], chunks[10]) for o in made.push(c)]
    outputs += [o for c in chunks[11:] for o in made.push(c)]
    assert [o.first_frame for o in outputs] == list(range(9))
    assert (made.counts.repeated, made.counts.jumps) == (2, 0)


def test_one_chunk_from_the_future_does_not_silence_the_stream():
    made = features_session()
    chunks = sound(60)
    for chunk in chunks[:10]:
        made.push(chunk)
    future = chunks[10].header.at(10**15)
    made.push(replace(chunks[10], header=future, first_sample=10**9))
    outputs = [o for c in chunks[11:] for o in made.push(c)]
    assert made.counts.repeated == MOST_REPEATS
    assert outputs[-1].first_frame == 28


def test_source_that_begins_again_in_the_same_epoch_is_followed():
    made = features_session()
    for chunk in sound(20):
        made.push(chunk)
    again = [c.with_header(c.header.at(c.header.stamp_ns + 10**10)) for c in sound(20)]
    outputs = [o for c in again for o in made.push(c) if len(o.values)]
    assert outputs[-1].first_frame == 8
    assert made.counts.repeated == 0


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


def test_lower_epochs_are_void_while_the_higher_one_lives():
    watch = EpochWatch(clock := Clock())
    assert watch.hear(5)
    clock.now_s += SILENCE_S * 0.9
    assert not watch.hear(4)
    assert watch.hear(5)
    clock.now_s += SILENCE_S * 0.9
    assert not watch.hear(4)
    assert watch.epoch == 5


def test_an_epoch_that_nobody_sends_in_gives_way():
    watch = EpochWatch(clock := Clock())
    watch.raise_to(900)
    assert not watch.hear(7)
    clock.now_s += SILENCE_S
    assert watch.hear(7)
    assert watch.epoch == 7
    assert watch.hear(8)


def test_an_epoch_beyond_all_counting_is_refused():
    watch = EpochWatch()
    for tell in (watch.raise_to, watch.hear):
        try:
            tell(HIGHEST + 1)
        except ValueError as error:
            assert str(HIGHEST + 1) in str(error)
    assert watch.epoch == 0
