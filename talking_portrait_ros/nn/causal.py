"""Convolutions over pictures in time that never look ahead, and their residual block."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.nn.memory import Memory
from talking_portrait_ros.nn.norm import RmsNorm


class CausalConv(nn.Module):
    """Convolution of [B, T, H, W, C]: zero padding in space, the past in time.

    Before frame 0 there are zeros. Steps of time are laid side by side as channels, because a
    picture convolution of many channels is several times faster on a CPU than one in 3-D.

    Attributes:
        stride: how many pixels of the picture one position of the input covers.
        slot: place of this layer's context in `Memory.contexts`; `number_contexts` sets it.
    """

    def __init__(
        self, n_in: int, n_out: int, kernel: int, time_kernel: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        self.n_in, self.time_kernel, self.stride, self.slot = n_in, time_kernel, stride, -1
        self.conv = nn.Conv2d(time_kernel * n_in, n_out, kernel, padding=kernel // 2)
        self.conv.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def context(self, n_batch: int, height: int, width: int) -> Tensor:
        """The context of a stream that begins, for pictures of `height` x `width` pixels."""
        size = (height // self.stride, width // self.stride, self.n_in)
        return self.conv.weight.new_zeros(n_batch, self.time_kernel - 1, *size)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[B, T, H, W, C_in] -> [B, T, H, W, C_out]."""
        if self.time_kernel > 1:
            seen, n_steps = self._with_past(x, memory), x.shape[1]
            x = torch.cat([seen[:, i : i + n_steps] for i in range(self.time_kernel)], dim=-1)
        if self.conv.kernel_size == (1, 1):
            return functional.linear(x, self.conv.weight.flatten(1), self.conv.bias)
        pictures = x.flatten(0, 1).permute(0, 3, 1, 2)  # channels-last without a copy
        out: Tensor = self.conv(pictures).permute(0, 2, 3, 1)
        return out.unflatten(0, x.shape[:2])

    def _with_past(self, x: Tensor, memory: Memory | None) -> Tensor:
        past = self.time_kernel - 1
        if memory is None:
            return functional.pad(x, (0, 0, 0, 0, 0, 0, past, 0))
        context = memory.contexts[self.slot]
        seen = torch.cat([context, x], dim=1)
        context.copy_(seen[:, -past:])
        return seen


class ResidualBlock(nn.Module):
    """x + norm(conv(silu(conv(x)))): the residual block of the deep-compression auto-encoder.

    The norm comes last and begins at zero, so that the block begins as the identity.
    """

    def __init__(self, width: int, time_kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.first = CausalConv(width, width, 3, time_kernel, stride)
        self.second = CausalConv(width, width, 3, 1, stride)
        self.norm = RmsNorm(width, gain=0.0)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[B, T, H, W, C] -> the same shape."""
        hidden = functional.silu(self.first(x, memory))
        return x + self.norm(self.second(hidden))


class ResidualStack(nn.ModuleList):
    """Residual blocks one after the other; none is the identity."""

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[B, T, H, W, C] -> the same shape."""
        for block in self:
            x = block(x, memory)
        return x


def number_contexts(network: nn.Module) -> list[CausalConv]:
    """The convolutions of `network` that look back, each given its slot."""
    convs = [m for m in network.modules() if isinstance(m, CausalConv) and m.time_kernel > 1]
    for slot, conv in enumerate(convs):
        conv.slot = slot
    return convs
