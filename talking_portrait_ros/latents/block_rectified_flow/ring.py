"""Keys and values of the steps of the past, in a ring that never grows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from talking_portrait_ros.latents.block_rectified_flow.positions import video_rotary
from talking_portrait_ros.nn.attention import KeysValues


@dataclass
class StepRing:
    """The newest steps, oldest first from `start` on. Keys are kept without positions.

    Attributes:
        keys: [layers, B, heads, steps, N, head].
        values: the same shape.
        n_steps: steps that are there.
        start: slot of the oldest one.
    """

    keys: Tensor
    values: Tensor
    n_steps: int = 0
    start: int = 0

    @classmethod
    def empty(cls, shape: tuple[int, ...], like: Tensor) -> StepRing:
        """A ring of `shape` (see `keys`), with the type and device of `like`."""
        return cls(like.new_zeros(shape), like.new_zeros(shape))

    @property
    def capacity(self) -> int:
        """Most steps that it holds."""
        return self.keys.shape[3]

    def keep(self, n_steps: int) -> None:
        """Forget all but the newest `n_steps`."""
        dropped = max(0, self.n_steps - n_steps)
        self.start = (self.start + dropped) % self.capacity
        self.n_steps -= dropped

    def append(self, keys: Tensor, values: Tensor) -> None:
        """Add steps, [layers, B, heads, k, N, head] each; the oldest ones make room."""
        n_new = keys.shape[3]
        self.keep(self.capacity - n_new)
        slots = self._slots(self.n_steps, n_new)
        self.keys[:, :, :, slots] = keys
        self.values[:, :, :, slots] = values
        self.n_steps += n_new

    def placed(self, head: int) -> list[KeysValues]:
        """Per layer all steps, oldest first, at positions from 0 on: [B, heads, steps N, head]."""
        slots = self._slots(0, self.n_steps)
        keys, values = (part[:, :, :, slots].flatten(3, 4) for part in (self.keys, self.values))
        side = round(self.keys.shape[4] ** 0.5)
        steps = torch.arange(self.n_steps, device=keys.device)
        keys = video_rotary(steps, side, head).turn(keys).to(values.dtype)
        return [KeysValues(k, v) for k, v in zip(keys, values, strict=True)]

    def _slots(self, first: int, n: int) -> Tensor:
        along = torch.arange(first, first + n, device=self.keys.device)
        return (self.start + along) % self.capacity
