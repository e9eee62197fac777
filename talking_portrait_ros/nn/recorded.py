"""Networks on a GPU launched by one call: CUDA graphs, recorded once per shape; and bfloat16.

Kernel by kernel, a GPU waits for the launches of a network. A recording launches them together.
It works on tensors of its own, into which the arguments are copied; its results are copied out.
On a CPU, which records nothing, the same tensors are used and the function is called each time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

N_WARM_UP = 3
MOST_RECORDINGS = 64  # the one that was not used for longest goes first

Function = Callable[[Hashable, Sequence[Tensor], Sequence[Tensor]], Sequence[Tensor]]
Launch = Callable[[], Sequence[Tensor]]


@dataclass
class _Recording:
    """One shape: its tensors, and what launches it."""

    moving: list[Tensor]
    standing: list[Tensor]
    stands_for: Sequence[Tensor]
    launch: Launch


class Recorded:
    """A function of tensors. Not locked: one thread at a time."""

    def __init__(self, function: Function, state: Callable[[], Iterable[Tensor]] = tuple) -> None:
        """Nothing is recorded before the first call.

        Args:
            function: takes a key, moving and standing tensors. The kernels that it launches depend
                on the key and the shapes alone, and it never waits for the GPU.
            state: tensors that the function overwrites in place.
        """
        self._function, self._state = function, state
        self._recordings: OrderedDict[Hashable, _Recording] = OrderedDict()
        self._pool: Any = None

    def __call__(
        self, key: Hashable, moving: Sequence[Tensor], standing: Sequence[Tensor] = ()
    ) -> list[Tensor]:
        """What the function gives.

        Args:
            key: of arguments that are no tensors.
            moving: copied for each call.
            standing: copied where it is another sequence than that of the call before.
        """
        whole = (key, *((tensor.shape, tensor.dtype) for tensor in (*moving, *standing)))
        found = self._recordings.get(whole)
        if found is None:
            found = self._recordings[whole] = self._record(key, moving, standing)
            if len(self._recordings) > MOST_RECORDINGS:
                self._recordings.popitem(last=False)
        self._recordings.move_to_end(whole)
        _copy(moving, found.moving)
        if found.stands_for is not standing:
            _copy(standing, found.standing)
            found.stands_for = standing
        return [tensor.clone() for tensor in found.launch()]

    def _record(
        self, key: Hashable, moving: Sequence[Tensor], standing: Sequence[Tensor]
    ) -> _Recording:
        own, known = [x.clone() for x in moving], [x.clone() for x in standing]
        run: Launch = partial(self._function, key, own, known)
        if own[0].device.type == "cuda":
            run = self._captured(run, own[0].device)
        return _Recording(own, known, standing, run)

    def _captured(self, run: Launch, device: torch.device) -> Launch:
        """`run` as a CUDA graph; the state is as before."""
        before = [tensor.clone() for tensor in self._state()]
        aside = torch.cuda.Stream(device)
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside):
            for _ in range(N_WARM_UP):
                run()
        torch.cuda.current_stream(device).wait_stream(aside)
        _copy(before, list(self._state()))
        graph = torch.cuda.CUDAGraph()
        # Of this thread alone: another one may encode a portrait meanwhile.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            given = run()
        self._pool = graph.pool()

        def launch() -> Sequence[Tensor]:
            graph.replay()
            return given

        return launch


def bfloat16_weights(network: nn.Module, but: str = "") -> None:
    """Keep the matrices of `network` in bfloat16, those of its part `but` apart."""
    for name, module in network.named_modules():
        is_apart = bool(but) and f"{name}.".startswith(f"{but}.")
        if isinstance(module, (nn.Linear, nn.Conv2d)) and not is_apart:
            module.to(torch.bfloat16)


def in_bfloat16(device: torch.device) -> torch.autocast:
    """Matrix products in bfloat16, what needs more in float32.

    Without the cache of cast weights: what it holds would not outlive a recording.
    """
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


def _copy(given: Iterable[Tensor], own: Iterable[Tensor]) -> None:
    for source, target in zip(given, own, strict=True):
        target.copy_(source)
