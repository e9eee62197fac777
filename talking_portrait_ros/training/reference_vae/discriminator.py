"""A small PatchGAN: does this patch of a picture look decoded? Off by default.

S1 does without. It sharpens at the cost of PSNR; switched on late and with a small weight.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.training.loop.checkpoints import (
    load_optimiser_tensors,
    optimiser_tensors,
    prefixed,
    under,
)


class PatchDiscriminator(nn.Module):
    """Pictures [N, 3, H, W], 0..1, to one opinion per overlapping patch, [N, 1, H/8, W/8]."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 4 * width)
        layers: list[nn.Module] = []
        for n_in, n_out in zip(widths, widths[1:], strict=False):
            conv = nn.utils.parametrizations.spectral_norm(nn.Conv2d(n_in, n_out, 4, 2, 1))
            layers += [conv, nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Above 0: looks real."""
        return self.layers(2 * pictures - 1)  # type: ignore[no-any-return]


class Adversary:
    """The discriminator in training: learns from each batch, and gives its opinion of it."""

    def __init__(self, learning_rate: float, device: str) -> None:
        self.model = PatchDiscriminator().to(device)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), learning_rate, betas=(0.5, 0.95)
        )

    def opinion(self, made: Tensor) -> Tensor:
        """What the generator wants low: how much the made pictures [N, 3, H, W] look made."""
        self.model.requires_grad_(False)
        return -self.model(made).mean()  # type: ignore[no-any-return]

    def learn(self, real: Tensor, made: Tensor) -> float:
        """One step on both kinds of pictures; its hinge loss."""
        self.model.requires_grad_(True)
        loss = hinge_loss(self.model(real), self.model(made.detach()))
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        moments = optimiser_tensors(self.model, self.optimiser)
        return prefixed("weights", self.model.state_dict()) | prefixed("moments", moments)

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `tensors` gave; begin anew where it is empty."""
        if tensors:
            self.model.load_state_dict(under("weights", tensors))
            load_optimiser_tensors(self.model, self.optimiser, under("moments", tensors))


def hinge_loss(real: Tensor, made: Tensor) -> Tensor:
    """What the discriminator wants low: opinions of real above 1, of made below -1."""
    return (functional.relu(1 - real).mean() + functional.relu(1 + made).mean()) / 2
