"""Where clips come from: bounded, reused evenly, rendered elsewhere, and gone with the trainer."""

from __future__ import annotations

import os
from functools import partial

import numpy as np
import pytest
import torch
from helpers.labelled_clips import labelled_clip

from talking_portrait_ros.training.reference_vae.clips import (
    ClipPool,
    FixedClips,
    RenderedClips,
    _put,
    pool_for,
)
from talking_portrait_ros.training.reference_vae.flat import FlatClips


def chance(seed=0):
    return np.random.default_rng(seed)


class Counted:
    """A maker that says which seeds it was asked for."""

    def __init__(self):
        self.seeds = []

    def clip(self, seed, resolution, n_frames):
        self.seeds.append(seed)
        return labelled_clip(n_frames, resolution, seed)


class Broken:
    def clip(self, seed, resolution, n_frames):
        raise ValueError("no such person")


def test_a_pool_keeps_no_more_than_it_may_and_drops_the_most_used():
    pool = ClipPool(capacity=2, uses=3)
    clips = [labelled_clip(seed=s) for s in range(3)]
    for clip in clips[:2]:
        pool.add(clip)
    assert not pool.wants_more
    while not pool.wants_more:
        used = pool.draw(1, chance())[0]
    pool.add(clips[2])
    left = {id(clip) for clip in pool.draw(2, chance())}
    assert len(pool) == 2
    assert id(clips[2]) in left and id(used) not in left


def test_worn_clips_are_used_only_when_there_is_nothing_else():
    pool = ClipPool(capacity=3, uses=1)
    for seed in range(3):
        pool.add(labelled_clip(seed=seed))
    generator = chance()
    drawn = [pool.draw(1, generator)[0] for _ in range(3)]
    assert len({id(clip) for clip in drawn}) == 3
    assert pool.mean_uses == 1
    assert len(pool.draw(7, generator)) == 7


def test_memory_bounds_a_pool():
    assert pool_for(2**20, most_clips=400, most_mib=100, uses=4).capacity == 100
    assert pool_for(2**20, most_clips=40, most_mib=100, uses=4).capacity == 40
    assert pool_for(2**30, most_clips=40, most_mib=100, uses=4).capacity == 1


def test_without_workers_clips_are_rendered_between_the_steps():
    maker = Counted()
    supply = RenderedClips(lambda: maker, 64, 5, ClipPool(3, uses=1), first_seed=70, n_workers=0)
    assert len(supply.draw(2, chance())) == 2
    assert maker.seeds == [70, 71, 72]  # the pool is full
    for _ in range(3):  # the two that were drawn are worn, and what replaces them is drawn
        supply.draw(1, chance())
    assert maker.seeds[3:] == [73, 74, 75]
    supply.close()


def test_a_worker_renders_the_clips_of_its_seeds_and_ends():
    supply = RenderedClips(FlatClips, 64, 2, ClipPool(3, uses=9), first_seed=5, n_workers=1)
    try:
        clips = supply.draw(3, chance())
    finally:
        supply.close()
    assert {clip.seed for clip in clips} == {5, 6, 7}
    for clip in clips:
        assert torch.equal(clip.frames, FlatClips().clip(clip.seed, 64, 2).frames)
    assert not any(worker.is_alive() for worker in supply._workers)


def test_what_goes_wrong_in_a_worker_is_said_here():
    supply = RenderedClips(Broken, 64, 2, ClipPool(3, uses=9), first_seed=0, n_workers=1)
    try:
        with pytest.raises(ValueError, match="corpus: no such person"):
            supply.draw(1, chance())
    finally:
        supply.close()


def test_a_worker_gives_up_when_its_parent_is_gone():
    class Full:
        def put(self, data, timeout):
            raise AssertionError("nobody is there")

        def cancel_join_thread(self):
            self.forgotten = True

    clips = Full()
    assert not _put(clips, "item", parent=os.getppid() + 1)
    assert clips.forgotten


def test_fixed_clips_follow_from_the_generator():
    clips = [labelled_clip(seed=s) for s in range(5)]
    supply = FixedClips(clips)
    first, again = ([id(clip) for clip in supply.draw(4, chance(3))] for _ in range(2))
    assert first == again
    assert len({id(clip) for clip in supply.draw(50, chance())}) == 5


def test_flat_clips_follow_from_their_seed():
    make = partial(FlatClips().clip, resolution=64, n_frames=3)
    assert torch.equal(make(1).frames, make(1).frames)
    assert not torch.equal(make(1).frames, make(2).frames)
    clip = make(1)
    assert clip.frames.shape == (3, 3, 64, 64) and clip.references.shape == (3, 3, 64, 64)
    assert clip.coordinates.shape == (3, 2, 8, 8) and clip.reference_valid.shape == (3, 1, 8, 8)
    assert not torch.equal(clip.references[0], clip.references[1])
