"""The linear path: the best linear code of shrunk pictures, which the networks improve on.

64 numbers per 64 x 64 pixels are enough for a good blurred picture by principal components alone.
Most of them describe the last frame of each step, the *key*; the frames between two keys are the
blend of them, and the remaining numbers say what the blend gets wrong. (Coding the mean of a step
instead, or the four frames together, blurs what moves: measured in the family's README.) All four
maps begin as principal components, so that training starts from a picture instead of from noise.
S1 has no such path; it is off in the preset at the paper's scale.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.nn.memory import Memory, is_fresh

WHITENING = 0.5  # 0: channels keep the spread of their component, 1: all have spread 1
_LAST_KEY = "linear path: last key"
_EVERY = 3  # of the pictures that keys are fitted to


class LinearPath(nn.Module):
    """Shrunk pictures [B, T, h, w, 3] to latents [B, T_z, h_z, w_z, C] and back."""

    def __init__(self, config: ReferenceVaeConfig) -> None:
        super().__init__()
        self.side = config.space_factor // config.base_stride
        self.time_factor = config.time_factor
        n_numbers, n_between = 3 * self.side**2, self.time_factor - 1
        n_motion = config.motion_channels
        n_key = config.latent_channels - n_motion
        self.analysis = nn.Linear(n_numbers, n_key)
        self.synthesis = nn.Linear(n_key, n_numbers)
        self.motion_analysis = nn.Linear(n_between * n_numbers, n_motion)
        self.motion_synthesis = nn.Linear(n_motion, n_between * n_numbers)

    def encode(self, pictures: Tensor, memory: Memory | None) -> Tensor:
        """The code; T is 1 + f n at the start of a stream and f n later."""
        fresh = is_fresh(memory)
        cells = self._cells(pictures)  # [B, T, h_z, w_z, 3 side side]
        codes = self.analysis(cells[:, self._key(fresh) :: self.time_factor])
        keys = self._with_last(self.synthesis(codes), memory)
        between = cells[:, fresh:].unflatten(1, (-1, self.time_factor))[:, :, :-1]
        missed = (between - self._blend(keys)).movedim(2, -2).flatten(-2)
        motion = self.motion_analysis(missed)
        if fresh:  # the first step is a key alone
            motion = functional.pad(motion, (0, 0, 0, 0, 0, 0, 1, 0))
        return torch.cat([codes, motion], dim=-1)

    def decode(self, latents: Tensor, memory: Memory | None) -> Tensor:
        """Shrunk pictures of every frame, [B, T, h, w, 3]."""
        fresh = is_fresh(memory)
        n_key = self.synthesis.in_features
        own = self.synthesis(latents[..., :n_key])
        keys = self._with_last(own, memory)
        missed = self.motion_synthesis(latents[:, fresh:, ..., n_key:])
        between = self._blend(keys) + missed.unflatten(-1, (self.time_factor - 1, -1)).movedim(
            -2, 2
        )
        steps = torch.cat([between, own[:, fresh:, None]], dim=2).flatten(1, 2)
        return self._pictures(torch.cat([own[:, :1], steps], dim=1) if fresh else steps)

    def _key(self, fresh: bool) -> int:
        """Index of the first key."""
        return 0 if fresh else self.time_factor - 1

    def _with_last(self, keys: Tensor, memory: Memory | None) -> Tensor:
        """Keys [B, T_z, ...] with that of the step before; the last one is remembered."""
        if memory is None:
            return keys
        known = [] if memory.fresh else [memory.recent[_LAST_KEY]]
        memory.recent[_LAST_KEY] = keys[:, -1:].clone()
        return torch.cat([*known, keys], dim=1)

    def _blend(self, keys: Tensor) -> Tensor:
        """From n + 1 keys [B, n + 1, ...] the frames between each two, [B, n, f - 1, ...]."""
        share = torch.arange(1, self.time_factor, device=keys.device) / self.time_factor
        share = share.to(keys.dtype).view(1, 1, -1, 1, 1, 1)
        return torch.lerp(keys[:, :-1, None], keys[:, 1:, None], share)

    def _cells(self, pictures: Tensor) -> Tensor:
        b, t, h, w, _ = pictures.shape
        cells = pictures.view(b, t, h // self.side, self.side, w // self.side, self.side, 3)
        return cells.transpose(3, 4).flatten(4)  # [B, T, h_z, w_z, 3 side side]

    def _pictures(self, cells: Tensor) -> Tensor:
        b, t, h, w, _ = cells.shape
        pictures = cells.view(b, t, h, w, self.side, self.side, 3).transpose(3, 4)
        return pictures.reshape(b, t, h * self.side, w * self.side, 3)

    @torch.no_grad()
    def fit(self, clips: Tensor) -> None:
        """Begin as the principal components of shrunk clips [N, 1 + f n, h, w, 3], 0..1."""
        cells = self._cells(clips)
        rows = cells.flatten(0, 1)[::_EVERY].flatten(0, 2)
        _begin_as_components(self.analysis, self.synthesis, rows)
        keys = self.synthesis(self.analysis(cells[:, :: self.time_factor]))
        between = cells[:, 1:].unflatten(1, (-1, self.time_factor))[:, :, :-1]
        missed = (between - self._blend(keys)).movedim(2, -2).flatten(-2)
        _begin_as_components(self.motion_analysis, self.motion_synthesis, missed.flatten(0, 3))


def _begin_as_components(analysis: nn.Linear, synthesis: nn.Linear, rows: Tensor) -> None:
    """Let a pair of maps be the main components of `rows` [n, numbers] and back."""
    mean = rows.mean(dim=0)
    centred = rows - mean
    n_channels = analysis.out_features
    variances, vectors = torch.linalg.eigh(centred.T @ centred / len(rows))
    spread = variances[-n_channels:].clamp(min=1e-8).sqrt() ** WHITENING
    components = vectors[:, -n_channels:].T  # [C, numbers]
    analysis.weight.copy_(components / spread[:, None])
    analysis.bias.copy_(-(components @ mean) / spread)
    synthesis.weight.copy_(components.T * spread)
    synthesis.bias.copy_(mean)
