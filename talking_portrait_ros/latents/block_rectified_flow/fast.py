"""The network as fast as a GPU runs it: bfloat16, and each pass launched by one call."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import cast

import torch
from torch import Tensor

from talking_portrait_ros.latents.block_rectified_flow.model import (
    Block,
    BlockFlow,
    ReferenceMemory,
)
from talking_portrait_ros.nn.attention import KeysValues
from talking_portrait_ros.nn.recorded import Recorded, bfloat16_weights, in_bfloat16


class FastBlockFlow:
    """The verbs of a `BlockFlow`, whose matrices it keeps in bfloat16, for any number of sessions.

    Keys and values are bfloat16, too. A session's first block, which is another function, is not
    recorded.
    """

    def __init__(self, model: BlockFlow) -> None:
        """Take `model` over; what it hears sound with stays in float32."""
        bfloat16_weights(model, but="sound")
        self._model = model
        self._device = next(model.parameters()).device
        self._recorded = Recorded(self._pass)
        self._context: Sequence[KeysValues] = ()
        self._standing: list[Tensor] = []

    def read_references(self, latents: Tensor, is_null: Tensor | None = None) -> ReferenceMemory:
        """As `BlockFlow.read_references`."""
        with in_bfloat16(self._device):
            memory = self._model.read_references(latents, is_null)
        pairs = tuple(
            KeysValues(pair.keys.to(torch.bfloat16), pair.values.to(torch.bfloat16))
            for pair in memory.keys_values
        )
        return ReferenceMemory(pairs, memory.anchor)

    def denoise(
        self, block: Block, context: Sequence[KeysValues]
    ) -> tuple[Tensor, list[KeysValues]]:
        """As `BlockFlow.denoise`."""
        said, *kept = self._called("denoise", block, context)
        return said, _paired(kept)

    def commit(self, block: Block, context: Sequence[KeysValues]) -> list[KeysValues]:
        """As `BlockFlow.commit`."""
        return _paired(self._called("commit", block, context))

    def _called(self, verb: str, block: Block, context: Sequence[KeysValues]) -> list[Tensor]:
        if context is not self._context:  # once per block, not once per pass
            self._context, self._standing = context, _flat(context)
        moving = [block.values, block.t, block.sound, block.anchor, block.still]
        key = (verb, block.position, block.has_first)
        if block.has_first:
            return list(self._pass(key, moving, self._standing))
        return self._recorded(key, moving, self._standing)

    def _pass(
        self, key: Hashable, moving: Sequence[Tensor], standing: Sequence[Tensor]
    ) -> list[Tensor]:
        verb, position, has_first = cast("tuple[str, int, bool]", key)
        values, t, sound, anchor, still = moving
        block = Block(values, t, sound, anchor, still, position, has_first)
        with in_bfloat16(self._device):
            if verb == "commit":
                return _flat(self._model.commit(block, _paired(standing)))
            said, kept = self._model.denoise(block, _paired(standing))
        return [said.to(values.dtype), *_flat(kept)]


def _flat(pairs: Sequence[KeysValues]) -> list[Tensor]:
    return [tensor for pair in pairs for tensor in (pair.keys, pair.values)]


def _paired(tensors: Sequence[Tensor]) -> list[KeysValues]:
    return [KeysValues(*pair) for pair in zip(tensors[::2], tensors[1::2], strict=True)]
