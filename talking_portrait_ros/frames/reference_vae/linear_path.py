"""The linear path: the best linear code of shrunk pictures, which the networks improve on.

64 numbers per 64 x 64 pixels are enough for a good blurred picture by principal components alone.
Most of them describe the last frame of each step, the *key* (all of them where each frame is a
step); the frames between two keys are a blend of them. Three numbers say how far each such frame
has gone from the one key to the other (a mouth does not open evenly), the few that remain what the
blend gets wrong. (Coding the mean of a step instead, or the four frames together, blurs what
moves: measured in the family's README.) Keys are coded in blocks of several positions, which
leaves fewer seams and more detail; yet each position's numbers mean nearly what they would alone,
the same everywhere. All four maps begin as principal components, so that training starts from a
picture instead of from noise. S1 has no such path; it is off in the preset at the paper's scale.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.nn.memory import Memory, is_fresh

WHITENING = 0.5  # 0: channels keep the spread of their component, 1: all have spread 1
MORE_IN_KEYS, MORE_IN_MOTION = 8.0, 4.0  # that mouth and eyes count when components are fitted
STILL = 2e-3  # squared difference of two keys below which the pace between them is left even
LEAST_PACE, MOST_PACE = -0.5, 1.5  # of the way from key to key
PACE_UNIT = 0.25  # of the way that a latent number of 1 means
_LAST_KEY = "linear path: last key"
_EVERY = 2  # of the pictures that keys are fitted to


class LinearPath(nn.Module):
    """Shrunk pictures [B, T, h, w, 3] to latents [B, T_z, h_z, w_z, C] and back."""

    def __init__(self, config: ReferenceVaeConfig) -> None:
        super().__init__()
        self.side = config.space_factor // config.base_stride
        self.cells = config.linear_cells
        self.time_factor = config.time_factor
        n_numbers, n_between = 3 * self.side**2, self.time_factor - 1
        n_motion, n_cells = config.motion_channels - n_between, self.cells**2
        self.all_keys = self.time_factor == 1
        self.n_key = config.latent_channels - config.motion_channels
        self.analysis = nn.Linear(n_cells * n_numbers, n_cells * self.n_key)
        self.synthesis = nn.Linear(n_cells * self.n_key, n_cells * n_numbers)
        if not self.all_keys:
            self.motion_analysis = nn.Linear(n_between * n_numbers, n_motion)
            self.motion_synthesis = nn.Linear(n_motion, n_between * n_numbers)

    def encode(self, pictures: Tensor, memory: Memory | None) -> Tensor:
        """The code; T is 1 + f n at the start of a stream and f n later."""
        fresh = is_fresh(memory)
        first_key = 0 if fresh else self.time_factor - 1
        codes = self._code(pictures[:, first_key :: self.time_factor])
        if self.all_keys:
            return codes
        keys = self._with_last(self._key_pictures(codes), memory)
        between = pictures[:, fresh:].unflatten(1, (-1, self.time_factor))[:, :, :-1]
        paces = self._paces(between, keys)
        missed = self.motion_analysis(self._missed(between - self._blend(keys, paces)))
        motion = torch.cat([paces.movedim(2, -1) / PACE_UNIT, missed], dim=-1)
        if fresh:  # the first step is a key alone
            motion = functional.pad(motion, (0, 0, 0, 0, 0, 0, 1, 0))
        return torch.cat([codes, motion], dim=-1)

    def decode(self, latents: Tensor, memory: Memory | None) -> Tensor:
        """Shrunk pictures of every frame, [B, T, h, w, 3]."""
        fresh = is_fresh(memory)
        own = self._key_pictures(latents[..., : self.n_key])
        if self.all_keys:
            return own
        keys = self._with_last(own, memory)
        motion = latents[:, fresh:, ..., self.n_key :]
        paces, missed = motion.tensor_split([self.time_factor - 1], dim=-1)
        missed = self.motion_synthesis(missed)
        missed = missed.unflatten(-1, (self.time_factor - 1, -1)).movedim(-2, 2)
        blend = self._blend(keys, PACE_UNIT * paces.movedim(-1, 2))
        between = blend + _joined(missed.flatten(1, 2), self.side).unflatten(1, missed.shape[1:3])
        steps = torch.cat([between, own[:, fresh:, None]], dim=2).flatten(1, 2)
        return torch.cat([own[:, :1], steps], dim=1) if fresh else steps

    def told(self, pictures: Tensor) -> Tensor:
        """The part of differences between pictures [B, T, h, w, 3] that keys can tell of."""
        cells = _parted(pictures, self.cells * self.side)
        codes = functional.linear(cells, self.analysis.weight)
        return _joined(functional.linear(codes, self.synthesis.weight), self.cells * self.side)

    def _code(self, pictures: Tensor) -> Tensor:
        """Keys [B, T, h, w, 3] to [B, T, h_z, w_z, n_key]."""
        codes = self.analysis(_parted(pictures, self.cells * self.side))
        return _unfolded(codes, self.cells)

    def _key_pictures(self, codes: Tensor) -> Tensor:
        """The inverse of `_code`."""
        return _joined(self.synthesis(_folded(codes, self.cells)), self.cells * self.side)

    def _with_last(self, keys: Tensor, memory: Memory | None) -> Tensor:
        """Keys [B, T_z, ...] with that of the step before; the last one is remembered."""
        if memory is None:
            return keys
        known = [] if memory.fresh else [memory.recent[_LAST_KEY]]
        memory.recent[_LAST_KEY] = keys[:, -1:].clone()
        return torch.cat([*known, keys], dim=1)

    def _even(self, like: Tensor) -> Tensor:
        """How far frames have gone from key to key at an even pace, [1, 1, f - 1, 1, 1]."""
        share = torch.arange(1, self.time_factor, device=like.device) / self.time_factor
        return share.to(like.dtype).view(1, 1, -1, 1, 1)

    def _paces(self, between: Tensor, keys: Tensor) -> Tensor:
        """How much further frames have gone from key to key than evenly, by least squares.

        Args:
            between: [B, n, f - 1, h, w, 3].
            keys: [B, n + 1, h, w, 3].

        Returns:
            [B, n, f - 1, h_z, w_z], each over twice the width of its position.
        """
        even = self._even(keys)
        way = (keys[:, 1:] - keys[:, :-1])[:, :, None]
        missed = between - keys[:, :-1, None] - even[..., None] * way
        gone, whole = (missed * way).sum(dim=-1), way.square().sum(dim=-1)
        window, half = 2 * self.side, self.side // 2
        gone, whole = (
            functional.avg_pool2d(x.flatten(0, 1), window, self.side, half).unflatten(
                0, x.shape[:2]
            )
            for x in (gone, whole)
        )
        further = gone / (whole + STILL)
        return torch.minimum(torch.maximum(further, LEAST_PACE - even), MOST_PACE - even)

    def _blend(self, keys: Tensor, paces: Tensor) -> Tensor:
        """The frames between each two of n + 1 keys, [B, n, f - 1, h, w, 3].

        Args:
            keys: [B, n + 1, h, w, 3].
            paces: as `_paces` gives them.
        """
        size = keys.shape[2:4]
        smooth = functional.interpolate(paces.flatten(0, 1), size, mode="bilinear")
        shares = self._even(keys) + smooth.unflatten(0, paces.shape[:2])
        return torch.lerp(keys[:, :-1, None], keys[:, 1:, None], shares[..., None])

    def _missed(self, between: Tensor) -> Tensor:
        """Pictures [B, n, f - 1, h, w, 3] as rows of each position, [B, n, h_z, w_z, numbers]."""
        cells = _parted(between.flatten(1, 2), self.side).unflatten(1, between.shape[1:3])
        return cells.movedim(2, -2).flatten(-2)

    @torch.no_grad()
    def fit(self, clips: Tensor, features: Tensor) -> None:
        """Begin as principal components.

        Args:
            clips: shrunk clips [N, 1 + f n, h, w, 3], 0..1.
            features: how far a place is mouth or eyes, 0..1, [N, 1 + f n, s, s].
        """
        chosen = slice(None, None, _EVERY)
        self._fit_keys(clips.flatten(0, 1)[chosen, None], features.flatten(0, 1)[chosen])
        if self.all_keys:
            return
        keys = self._key_pictures(self._code(clips[:, :: self.time_factor]))
        between = clips[:, 1:].unflatten(1, (-1, self.time_factor))[:, :, :-1]
        blend = self._blend(keys, self._paces(between, keys))
        missed = self._missed(between - blend)  # [N, n, h_z, w_z, numbers]
        seen = features[:, self.time_factor // 2 :: self.time_factor][:, : missed.shape[1]]
        counts = 1 + MORE_IN_MOTION * _most(seen.flatten(0, 1), missed.shape[2]).flatten()
        mean, vectors, variances = _components(
            missed.flatten(0, 3), self.motion_analysis.out_features, counts
        )
        _set(self.motion_analysis, self.motion_synthesis, mean, vectors, _spread(variances))

    def _fit_keys(self, pictures: Tensor, features: Tensor) -> None:
        """Components of blocks, turned to be as near as can be to those of single positions.

        `pictures` [N, 1, h, w, 3] with `features` [N, s, s].
        """
        n_cells, side = self.cells**2, self.cells * self.side
        parts = [_parted(pictures, size) for size in (self.side, side)]
        counts = [1 + MORE_IN_KEYS * _most(features, part.shape[2]).flatten() for part in parts]
        rows = [part.flatten(0, 3) for part in parts]
        _, alone, variances = _components(rows[0], self.n_key, counts[0])
        mean, vectors, _ = _components(rows[1], n_cells * self.n_key, counts[1])
        placed = alone.new_zeros(n_cells, self.n_key, n_cells, len(alone))
        for cell in range(n_cells):
            placed[cell, :, cell] = alone.T
        squares = placed.view(-1, 1, self.cells, self.cells, len(alone))
        near = _parted(_joined(squares, self.side), side).flatten(0, 3).T
        near = vectors @ (vectors.T @ near)  # [numbers, channels]
        values, turn = torch.linalg.eigh(near.T @ near)
        near = near @ (turn * values.clamp(min=1e-8).rsqrt()) @ turn.T  # orthonormal again
        _set(self.analysis, self.synthesis, mean, near, _spread(variances).repeat(n_cells))


def _parted(pictures: Tensor, side: int) -> Tensor:
    """Squares of pictures [B, T, h, w, 3] as rows [B, T, h / s, w / s, 3 s s]."""
    b, t, h, w, _ = pictures.shape
    if h % side or w % side:
        raise ValueError(
            f"reference_vae: shrunk pictures of {h} x {w} are no multiple of {side}; choose a "
            "resolution (or a crop) that fits linear_cells"
        )
    cells = pictures.reshape(b, t, h // side, side, w // side, side, 3)
    return cells.transpose(3, 4).flatten(4)


def _joined(rows: Tensor, side: int) -> Tensor:
    """The inverse of `_parted`."""
    b, t, h, w, _ = rows.shape
    pictures = rows.view(b, t, h, w, side, side, 3).transpose(3, 4)
    return pictures.reshape(b, t, h * side, w * side, 3)


def _folded(codes: Tensor, cells: int) -> Tensor:
    """Numbers of positions [B, T, h, w, C] as those of blocks [B, T, h / c, w / c, c c C]."""
    b, t, h, w, c = codes.shape
    blocks = codes.view(b, t, h // cells, cells, w // cells, cells, c).transpose(3, 4)
    return blocks.reshape(b, t, h // cells, w // cells, -1)


def _unfolded(blocks: Tensor, cells: int) -> Tensor:
    """The inverse of `_folded`."""
    b, t, h, w, _ = blocks.shape
    codes = blocks.view(b, t, h, w, cells, cells, -1).transpose(3, 4)
    return codes.reshape(b, t, h * cells, w * cells, -1)


def _most(features: Tensor, side: int) -> Tensor:
    """The most of features [N, s, s] within each of side x side squares, [N, side, side]."""
    return functional.adaptive_max_pool2d(features, side)


def _components(rows: Tensor, n: int, counts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, main components [numbers, n] and variances of rows [N, numbers] that count [N]."""
    shares = (counts / counts.sum())[:, None]
    mean = (rows * shares).sum(dim=0)
    centred = (rows - mean) * shares.sqrt()
    variances, vectors = torch.linalg.eigh(centred.T @ centred)
    return mean, vectors[:, -n:], variances[-n:]


def _spread(variances: Tensor) -> Tensor:
    return variances.clamp(min=1e-8).sqrt() ** WHITENING


def _set(
    analysis: nn.Linear, synthesis: nn.Linear, mean: Tensor, vectors: Tensor, spread: Tensor
) -> None:
    """Let a pair of maps be components [numbers, C] of spread [C], and back."""
    analysis.weight.copy_(vectors.T / spread[:, None])
    analysis.bias.copy_(-(vectors.T @ mean) / spread)
    synthesis.weight.copy_(vectors * spread)
    synthesis.bias.copy_(mean)
