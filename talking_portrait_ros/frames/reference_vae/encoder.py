"""The encoder: a clip or a reference picture in, features and latents out (E1 and E2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.nn.causal import CausalConv, ResidualBlock, ResidualStack
from talking_portrait_ros.nn.memory import Memory
from talking_portrait_ros.nn.resampling import Down


@dataclass(frozen=True)
class Posterior:
    """Gaussian of the latents, each [B, T_z, C, h, w]."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """A draw."""
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device)
        return self.mean + (0.5 * self.log_variance).exp() * noise

    def kl(self) -> Tensor:
        """Mean divergence from the unit Gaussian per number, nats."""
        square = self.mean.square() + self.log_variance.exp()
        return 0.5 * (square - 1 - self.log_variance).mean()


def fold_patches(frames: Tensor, patch: int) -> Tensor:
    """Pictures [B, T, 3, H, W] as positions of pixels [B, T, H/p, W/p, 3 p p]."""
    flat = functional.pixel_unshuffle(frames.flatten(0, 1), patch)
    return flat.permute(0, 2, 3, 1).contiguous().unflatten(0, frames.shape[:2])


class Encoder(nn.Module):
    """All levels of the encoder; the references take the first half of it."""

    def __init__(self, config: ReferenceVaeConfig) -> None:
        super().__init__()
        self.config = config
        strides = [config.patch * 2**level for level in range(len(config.widths))]
        self.enter = CausalConv(3 * config.patch**2, config.widths[0], config.enter_kernel)
        self.levels = nn.ModuleList(
            ResidualStack(ResidualBlock(width, kernel, stride) for _ in range(n_blocks))
            for width, kernel, stride, n_blocks in zip(
                config.widths, config.time_kernels, strides, config.blocks, strict=True
            )
        )
        self.downs = nn.ModuleList(
            Down(n_in, n_out, time, config.resampling_kernel, config.resampling)
            for n_in, n_out, time in zip(
                config.widths, config.widths[1:], config.down_times, strict=False
            )
        )
        self.leave = CausalConv(config.widths[-1], 2 * config.latent_channels, 3)

    @torch.no_grad()
    def begin_silent(self) -> None:
        """Begin by saying nothing: for a model whose linear path already gives latents."""
        self.leave.conv.weight.zero_()
        self.leave.conv.bias.zero_()  # type: ignore[union-attr]

    def features(self, frames: Tensor, memory: Memory | None) -> list[Tensor]:
        """Features of every level of frames [B, T, 3, H, W] about 0..1, each [B, T', h, w, C]."""
        x = self.enter(fold_patches(2 * frames - 1, self.config.patch))
        fresh = memory is None or memory.fresh
        seen = []
        for level, blocks in enumerate(self.levels):
            x = self.downs[level - 1](x, fresh) if level else x
            x = blocks(x, memory)
            seen.append(x)
        return seen

    def posterior(self, deepest: Tensor) -> Posterior:
        """Latents [B, T_z, C, h, w] of the last level's features [B, T_z, h, w, C']."""
        numbers = self.leave(deepest).permute(0, 1, 4, 2, 3)
        mean, log_variance = numbers.chunk(2, dim=2)
        return Posterior(mean, (log_variance - 8).clamp(-20, 10))
