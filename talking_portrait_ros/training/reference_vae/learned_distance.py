"""LPIPS, where somebody has put the package and its weights on this disk; never downloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

Distance = Callable[[Tensor, Tensor], Tensor]
_TRUNK = "alexnet-owt-7be5be79.pth"


def load_lpips(device: str) -> Distance:
    """Mean LPIPS (AlexNet) of two batches of pictures [N, 3, H, W], 0..1.

    Raises:
        ValueError: the package or the weights of its trunk are not there; says how to go on.
    """
    remedy = "leave the weight of lpips at 0, the perceptual loss needs no downloads"
    try:
        import lpips
    except ImportError as error:
        raise ValueError(f"losses.lpips: the package lpips is not installed; {remedy}") from error
    trunk = Path(torch.hub.get_dir()) / "checkpoints" / _TRUNK
    if not trunk.is_file():
        raise ValueError(f"losses.lpips: {trunk} is not there; {remedy}")
    network = lpips.LPIPS(net="alex", verbose=False).to(device).eval().requires_grad_(False)

    def distance(made: Tensor, wanted: Tensor) -> Tensor:
        return network(2 * made - 1, 2 * wanted - 1).mean()  # type: ignore[no-any-return]

    return distance
