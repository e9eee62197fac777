"""Changes of resolution in space and in time, with and without residual auto-encoding.

Causal residual auto-encoding (CR-VA; S1 section 3.1, after the deep-compression auto-encoder):
beside the learned branch runs a shortcut without weights that only folds space or time into
channels and averages (down), or repeats channels and unfolds (up). Frame 0 is a latent step of its
own: going down it is doubled to make a pair, going up only the last frame of its step is kept.

With `interpolation` the same layers are the baseline of the paper's ablation: the mean of four
positions going down, nearest neighbours going up, time folded by the convolution alone; no
shortcut. All take and return [B, T, H, W, C]; folded positions come before channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from talking_portrait_ros.nn.causal import CausalConv


def fold_space(x: Tensor) -> Tensor:
    """2 x 2 positions into channels: [B, T, H, W, C] -> [B, T, H/2, W/2, 4 C]."""
    b, t, h, w, c = x.shape
    cells = x.reshape(b, t, h // 2, 2, w // 2, 2, c).transpose(3, 4)
    return cells.reshape(b, t, h // 2, w // 2, 4 * c)


def unfold_space(x: Tensor) -> Tensor:
    """The inverse of `fold_space`: [B, T, H, W, 4 C] -> [B, T, 2 H, 2 W, C]."""
    b, t, h, w, c = x.shape
    cells = x.reshape(b, t, h, w, 2, 2, c // 4).transpose(3, 4)
    return cells.reshape(b, t, 2 * h, 2 * w, c // 4)


def fold_time(x: Tensor, factor: int, fresh: bool) -> Tensor:
    """`factor` steps into the channels of one: [B, T, H, W, C] -> [B, T / f, H, W, f C].

    Raises:
        ValueError: the steps do not divide.
    """
    if fresh:
        x = torch.cat([x[:, :1]] * (factor - 1) + [x], dim=1)
    if x.shape[1] % factor:
        raise ValueError(
            f"a clip whose {x.shape[1]} steps (frame 0 filled up) are no multiple of {factor} "
            "cannot be encoded; give 1 + 4 n frames at the start of a stream and 4 n later"
        )
    groups = x.unflatten(1, (-1, factor))  # [B, T / f, f, H, W, C]
    return groups.permute(0, 1, 3, 4, 2, 5).flatten(-2)


def unfold_time(x: Tensor, factor: int, fresh: bool) -> Tensor:
    """The inverse of `fold_time`: [B, T, H, W, f C] -> [B, f T, H, W, C]."""
    groups = x.unflatten(-1, (factor, -1)).permute(0, 1, 4, 2, 3, 5)
    steps = groups.flatten(1, 2)
    return steps[:, factor - 1 :] if fresh else steps


def repeat_steps(x: Tensor, factor: int, fresh: bool) -> Tensor:
    """Each step of [B, T, ...] held for `factor` frames; frame 0 for one."""
    steps = x.repeat_interleave(factor, dim=1)
    return steps[:, factor - 1 :] if fresh else steps


def narrowed(folded: Tensor, n_folded: int, width: int) -> Tensor:
    """The shortcut going down: `n_folded` positions of channels averaged to `width` channels.

    Positions are averaged first; channels are only where not even one set of them fits.
    """
    channels = folded.shape[-1] // n_folded
    n_kept = max(1, width // channels)
    kept = folded.unflatten(-1, (n_kept, n_folded // n_kept, channels)).mean(dim=-2)
    return kept.flatten(-2).unflatten(-1, (width, -1)).mean(dim=-1)


def widened(x: Tensor, n_folded: int, width: int) -> Tensor:
    """The shortcut going up: channels repeated to `n_folded` positions of `width` channels."""
    n_sets = max(1, x.shape[-1] // width)
    sets = x.repeat_interleave(n_sets * width // x.shape[-1], dim=-1).unflatten(-1, (n_sets, -1))
    return sets.repeat_interleave(n_folded // n_sets, dim=-2).flatten(-2)


def _require_match(narrow: int, wide: int, most: int) -> None:
    if wide % narrow or most % max(1, wide // narrow):
        raise ValueError(
            f"widths {narrow} and {wide} of neighbouring levels: the wider must be the narrower "
            f"times a divisor of {most}"
        )


class Down(nn.Module):
    """Half the size, and the rate divided by `time`: time first, then space."""

    def __init__(self, n_in: int, n_out: int, time: int, kernel: int, resampling: str) -> None:
        super().__init__()
        _require_match(n_in, n_out, 4)
        self.time, self.n_out, self.residual = time, n_out, resampling == "residual"
        self.in_time = CausalConv(time * n_in, n_in, kernel) if time > 1 else None
        self.in_space = CausalConv(4 * n_in if self.residual else n_in, n_out, kernel)

    def forward(self, x: Tensor, fresh: bool) -> Tensor:
        """[B, T, H, W, C] -> [B, T', H/2, W/2, n_out]."""
        width = x.shape[-1]
        if self.in_time is not None:
            folded = fold_time(x, self.time, fresh)
            x = self.in_time(folded)
            x = x + narrowed(folded, self.time, width) if self.residual else x
        folded = fold_space(x)
        if self.residual:
            return self.in_space(folded) + narrowed(folded, 4, self.n_out)
        return self.in_space(narrowed(folded, 4, width))


class Up(nn.Module):
    """Twice the size, and the rate times `time`: space first, then time."""

    def __init__(self, n_in: int, n_out: int, time: int, kernel: int, resampling: str) -> None:
        super().__init__()
        _require_match(n_out, n_in, 4)
        self.time, self.n_out, self.residual = time, n_out, resampling == "residual"
        self.in_space = CausalConv(n_in, 4 * n_out if self.residual else n_out, kernel)
        self.in_time = CausalConv(n_out, time * n_out, kernel) if time > 1 else None

    def forward(self, x: Tensor, fresh: bool) -> Tensor:
        """[B, T, H, W, C] -> [B, T', 2 H, 2 W, n_out]."""
        if self.residual:
            x = unfold_space(self.in_space(x) + widened(x, 4, self.n_out))
        else:
            x = unfold_space(widened(self.in_space(x), 4, self.n_out))
        if self.in_time is None:
            return x
        folded = self.in_time(x)
        folded = folded + widened(x, self.time, self.n_out) if self.residual else folded
        return unfold_time(folded, self.time, fresh)
