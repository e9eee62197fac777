"""The linear path: the best linear code of the shrunk picture, which the networks improve on.

64 numbers per 64 x 64 pixels are enough for a good blurred picture by principal components alone.
Both directions begin as these components, so that training starts from a picture instead of from
noise. S1 has no such path; it is off in the preset at the paper's scale.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig

WHITENING = 0.5  # 0: channels keep the spread of their component, 1: all have spread 1


class LinearPath(nn.Module):
    """Shrunk pictures [B, T, h, w, 3] to latents [B, T_z, h_z, w_z, C] and back."""

    def __init__(self, config: ReferenceVaeConfig) -> None:
        super().__init__()
        self.side = config.space_factor // config.base_stride
        self.fold = config.patch // config.base_stride
        self.time_factor = config.time_factor
        n_numbers = 3 * self.side**2
        self.analysis = nn.Linear(n_numbers, config.latent_channels)
        self.synthesis = nn.Linear(config.latent_channels, n_numbers)

    def encode(self, pictures: Tensor, fresh: bool) -> Tensor:
        """The code of each step's mean picture."""
        head = pictures[:, :1] if fresh else pictures[:, :0]
        rest = pictures[:, 1:] if fresh else pictures
        steps = rest.unflatten(1, (-1, self.time_factor)).mean(dim=2)
        return self.analysis(self._cells(torch.cat([head, steps], dim=1)))

    def decode(self, latents: Tensor) -> Tensor:
        """Shrunk pictures, one per step, as they lie in level 0: [B, T_z, h0, w0, n n 3]."""
        b, t, h, w, _ = latents.shape
        n, inner = self.side // self.fold, self.fold
        cells = self.synthesis(latents).view(b, t, h, w, n, inner, n, inner, 3)
        cells = cells.permute(0, 1, 2, 4, 3, 6, 5, 7, 8)  # [B, T_z, h, n, w, n, inner, inner, 3]
        return cells.reshape(b, t, h * n, w * n, inner * inner * 3)

    def _cells(self, pictures: Tensor) -> Tensor:
        b, t, h, w, _ = pictures.shape
        cells = pictures.view(b, t, h // self.side, self.side, w // self.side, self.side, 3)
        return cells.transpose(3, 4).flatten(4)  # [B, T, h_z, w_z, 3 side side]

    @torch.no_grad()
    def fit(self, pictures: Tensor) -> None:
        """Begin as the principal components of shrunk pictures [N, h, w, 3], 0..1."""
        rows = self._cells(pictures[None]).flatten(0, 3)  # [n, numbers]
        mean = rows.mean(dim=0)
        centred = rows - mean
        n_channels = self.analysis.out_features
        variances, vectors = torch.linalg.eigh(centred.T @ centred / len(rows))
        spread = variances[-n_channels:].clamp(min=1e-8).sqrt() ** WHITENING
        components = vectors[:, -n_channels:].T  # [C, numbers]
        self.analysis.weight.copy_(components / spread[:, None])
        self.analysis.bias.copy_(-(components @ mean) / spread)
        self.synthesis.weight.copy_(components.T * spread)
        self.synthesis.bias.copy_(mean)
