"""Where clips come from while a model trains: a pool that other processes keep filling.

Rendering a clip costs more than reading it again, so each is used several times, differently each
time (see `batches`). A worker that lags behind makes clips older, never the training slower.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import queue
from collections.abc import Callable, Sequence
from multiprocessing.queues import Queue
from typing import Protocol

import numpy as np

from talking_portrait_ros.training.corpus.clip import Clip

FIRST_HELD_OUT_SEED = 1_000_000_000  # clips for evaluation have seeds from here on
EXTRA_FRAMES = 4  # rendered beyond what a batch takes, so that uses begin at other frames
_QUEUE_CLIPS = 4
_FIRST_BATCHES = 4  # so many batches are there before the first step
_POLL_S = 1.0
_PATIENCE_S = 300.0
_MIB = 2**20


class ClipMaker(Protocol):
    """Makes clips from seeds."""

    def clip(self, seed: int, resolution: int, n_frames: int) -> Clip:
        """The clip that follows from `seed`."""


OpenMaker = Callable[[], ClipMaker]  # can be pickled; called once in each worker


class ClipSupply(Protocol):
    """Gives the clips of a step."""

    def draw(self, n: int, generator: np.random.Generator) -> list[Clip]:
        """`n` clips; they may repeat."""

    def close(self) -> None:
        """Let go of processes and memory."""


class FixedClips:
    """The same few clips for ever; what is drawn follows from the generator alone."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        self._clips = list(clips)

    def draw(self, n: int, generator: np.random.Generator) -> list[Clip]:
        """`n` of the clips."""
        return [self._clips[i] for i in generator.integers(len(self._clips), size=n)]

    def close(self) -> None:
        """Nothing to do."""


class ClipPool:
    """A bounded number of clips; the most used one makes room for a new one.

    Attributes:
        capacity: most clips kept.
        uses: how often a clip is used before it is worn.
    """

    def __init__(self, capacity: int, uses: int) -> None:
        self.capacity, self.uses = capacity, uses
        self._clips: list[Clip] = []
        self._used: list[int] = []
        self._worn_uses: list[int] = []

    def __len__(self) -> int:
        return len(self._clips)

    @property
    def wants_more(self) -> bool:
        """There is room, or a worn clip."""
        return len(self._clips) < self.capacity or max(self._used) >= self.uses

    def add(self, clip: Clip) -> None:
        """Keep `clip`, in the place of the most used one where there is no room."""
        if len(self._clips) < self.capacity:
            self._clips.append(clip)
            self._used.append(0)
            return
        worn = int(np.argmax(self._used))
        self._clips[worn], self._used[worn] = clip, 0

    def draw(self, n: int, generator: np.random.Generator) -> list[Clip]:
        """`n` clips at random, those that are not worn before those that are."""
        used = np.array(self._used)
        order = generator.permutation(len(used))
        order = order[np.argsort(used[order] >= self.uses, kind="stable")]
        chosen = np.resize(order, n)
        for index in chosen:
            self._used[index] += 1
        return [self._clips[index] for index in chosen]

    @property
    def mean_uses(self) -> float:
        """How often the clips have been used on average."""
        return float(np.mean(self._used)) if self._used else 0.0


class RenderedClips:
    """New clips for ever, by `n_workers` processes (0: between the steps, in this one)."""

    def __init__(
        self, open_maker: OpenMaker, resolution: int, n_frames: int, pool: ClipPool,
        first_seed: int, n_workers: int,
    ) -> None:  # fmt: skip
        self.pool = pool
        self._request = (resolution, n_frames)
        self._seed = first_seed
        self._maker = None if n_workers else open_maker()
        context = multiprocessing.get_context("spawn")
        self._queue: Queue[bytes] = context.Queue(_QUEUE_CLIPS * max(1, n_workers))
        self._workers = [
            context.Process(
                target=_render, daemon=True,
                args=(open_maker, *self._request, first_seed + k, n_workers, self._queue),
            )
            for k in range(n_workers)
        ]  # fmt: skip
        for worker in self._workers:
            worker.start()

    def draw(self, n: int, generator: np.random.Generator) -> list[Clip]:
        """`n` clips; waits only until the first batches are there."""
        if self._maker is not None:
            self._render_here(n)
        while len(self.pool) < min(n * _FIRST_BATCHES, self.pool.capacity):
            self._receive(_PATIENCE_S)
        while self.pool.wants_more and not self._queue.empty():
            self._receive(_POLL_S)
        return self.pool.draw(n, generator)

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.terminate()
            worker.join()
        self._queue.close()

    def _render_here(self, n: int) -> None:
        """One new clip per call once there are enough for a batch."""
        assert self._maker is not None
        for _ in range(max(1, n * _FIRST_BATCHES - len(self.pool))):
            if self.pool.wants_more:
                self.pool.add(self._maker.clip(self._seed, *self._request))
                self._seed += 1

    def _receive(self, patience_s: float) -> None:
        try:
            item = pickle.loads(self._queue.get(timeout=patience_s))
        except queue.Empty as error:
            raise ValueError(
                f"corpus: no clip within {patience_s:.0f} s; the process that renders them has "
                "ended or is starved, try --workers 0 to see why"
            ) from error
        if isinstance(item, str):
            raise ValueError(item)
        self.pool.add(item)


def _render(
    open_maker: OpenMaker, resolution: int, n_frames: int, seed: int, stride: int,
    clips: Queue[bytes],
) -> None:  # fmt: skip
    """A worker: clips of seeds `seed`, `seed + stride`, ... until the parent is gone."""
    import signal

    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the trainer's business
    torch.set_num_threads(1)
    if hasattr(os, "SCHED_IDLE"):  # Linux: the trainer comes first where cores are few
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    parent = os.getppid()
    try:
        maker = open_maker()
        while _put(clips, maker.clip(seed, resolution, n_frames), parent):
            seed += stride
    except (ValueError, OSError, RuntimeError) as error:
        _put(clips, f"corpus: {error}", parent)


def _put(clips: Queue[bytes], item: Clip | str, parent: int) -> bool:
    """Hand over `item`; False where nobody is there any more.

    As plain bytes: tensors would be handed over as open files, of which a process may have few.
    """
    data = pickle.dumps(item)
    while os.getppid() == parent:
        try:
            clips.put(data, timeout=_POLL_S)
        except queue.Full:
            continue
        return True
    clips.cancel_join_thread()
    return False


def pool_for(clip_bytes: int, most_clips: int, most_mib: int, uses: int) -> ClipPool:
    """A pool of clips of that size within both bounds, one clip at least."""
    return ClipPool(max(1, min(most_clips, most_mib * _MIB // clip_bytes)), uses)
