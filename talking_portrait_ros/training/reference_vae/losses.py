"""What a decoded clip is judged by.

Perceptual loss without downloaded weights: lost structure (DSSIM of the luma at three scales) plus
lost detail (absolute differences per octave). DSSIM divides by the local contrast, so a lost fine
line on smooth skin counts as much as a wrong outline: the masking that learned distances have, and
a measure that is reported. The octaves weigh alike, while plain L1 hardly notices the faint top
one, and blurs it. Both are deterministic, free of anybody's data and cheap: windows overlap by
half, octaves are differences from the means of cells, and all of it works on one difference that
is weighted once. LPIPS can be added where its weights are on disk.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from talking_portrait_ros.frames.reference_vae.encoder import Posterior
from talking_portrait_ros.frames.reference_vae.model import Decoded
from talking_portrait_ros.frames.reference_vae.warp import enlarge
from talking_portrait_ros.training.reference_vae.batches import Batch
from talking_portrait_ros.training.reference_vae.config import LossWeights

_LUMA = (0.299, 0.587, 0.114)
_HALF_WINDOW_PX = 4
_SCALES = 3
_OCTAVES = 4
_C1, _C2 = 0.01**2, 0.03**2
_KNOWN = 0.75  # of a label has to hold


@dataclass(frozen=True)
class Outcome:
    """What the model made of a batch."""

    posterior: Posterior
    decoded: Decoded


@dataclass(frozen=True)
class Losses:
    """The sum to go down, and its parts before weighting."""

    total: Tensor
    parts: dict[str, Tensor]


def vae_losses(batch: Batch, outcome: Outcome, weights: LossWeights, step: int) -> Losses:
    """Everything but the opinions of other networks."""
    importance = importance_of(batch.features, weights.mouth)
    decoded = outcome.decoded
    # Planes of one colour each: what the filters below are fast on.
    made, wanted = (x.float().flatten(0, 1).contiguous() for x in (decoded.frames, batch.frames))
    difference = weighted(made - wanted, importance)
    structure = lost_structure(_luma(made), _luma(wanted), importance)
    parts = {
        "l1": _mean_size(difference),
        "perceptual": structure + lost_detail(difference),
        "kl": outcome.posterior.kl(),
        **_helping_parts(batch, outcome),
    }
    help_left = 0.5 ** (step / weights.warp_halving_steps)
    scale = {
        "l1": weights.l1, "perceptual": weights.perceptual, "kl": weights.kl,
        "warp": weights.warp * help_left, "base": weights.base, "smoothness": weights.smoothness,
    }  # fmt: skip
    total = sum((scale[name] * part for name, part in parts.items()), made.new_zeros(()))
    return Losses(total, parts)


def _helping_parts(batch: Batch, outcome: Outcome) -> dict[str, Tensor]:
    """The losses of the linear path and of a warp, where there are such."""
    decoded = outcome.decoded
    parts = {} if decoded.base is None else {"base": base_loss(decoded.base, batch.frames)}
    if decoded.coords is not None and decoded.weights is not None:
        coords = enlarge(decoded.coords.float(), *batch.coordinates.shape[-2:])
        parts["warp"] = warp_loss(batch, coords)
        parts["smoothness"] = unevenness(decoded.weights.float())
    return parts


def importance_of(features: Tensor, more: float) -> Tensor:
    """How much each position counts, [B T, 1, s, s], mean 1; mouth and eyes count `1 + more`."""
    importance = 1 + more * features.flatten(0, 1)
    return importance / importance.mean()


def weighted(pictures: Tensor, importance: Tensor) -> Tensor:
    """Pictures [N, C, H, W] times the importance of their positions [N, 1, s, s]."""
    n, c, height, width = pictures.shape
    rows, columns = importance.shape[-2:]
    cells = pictures.view(n, c, rows, height // rows, columns, width // columns)
    whole: Tensor = (cells * importance[:, :, :, None, :, None]).view(n, c, height, width)
    return whole


def _mean_size(values: Tensor) -> Tensor:
    """Mean absolute value."""
    total: Tensor = torch.linalg.vector_norm(values, 1) / values.numel()
    return total


def _luma(pictures: Tensor) -> Tensor:
    """[N, 1, H, W]."""
    red, green, blue = pictures.split(1, dim=1)
    luma: Tensor = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
    return luma


def lost_structure(made: Tensor, wanted: Tensor, importance: Tensor) -> Tensor:
    """DSSIM of luma [N, 1, H, W], mean over scales and, by importance, over windows."""
    total = made.new_zeros(())
    for scale in range(_SCALES):
        if scale:
            made, wanted = (functional.avg_pool2d(x, 2) for x in (made, wanted))
        lost = dssim(made, wanted)
        share = functional.interpolate(importance, lost.shape[-2:], mode="nearest")
        total = total + (lost * share).mean()
    return total / _SCALES


def dssim(made: Tensor, wanted: Tensor) -> Tensor:
    """(1 - SSIM) / 2 of windows of 8 x 8 of one-channel pictures [N, 1, H, W], every 4 pixels."""

    def mean(values: Tensor) -> Tensor:
        return functional.avg_pool2d(functional.avg_pool2d(values, _HALF_WINDOW_PX), 2, 1)

    a, b, product = mean(made), mean(wanted), mean(made * wanted)
    squares = mean(made.square() + wanted.square())
    ab, aa_bb = a * b, a.square() + b.square()
    likeness = (2 * ab + _C1) * (2 * (product - ab) + _C2)
    return (1 - likeness / ((aa_bb + _C1) * (squares - aa_bb + _C2))) / 2


def lost_detail(difference: Tensor) -> Tensor:
    """Mean absolute value of each octave of a difference [N, 3, H, W], summed.

    An octave is what cells of 2 x 2 differ from their mean by; the means are the next octave's
    difference.
    """
    total = difference.new_zeros(())
    for _ in range(_OCTAVES):
        means = functional.avg_pool2d(difference, 2)
        total = total + _mean_size(difference - functional.interpolate(means, scale_factor=2))
        difference = means
    return total + _mean_size(difference)


def base_loss(base: Tensor, frames: Tensor) -> Tensor:
    """Mean absolute difference of the linear path's pictures from the shrunk frames.

    Args:
        base: [B, T, h, w, 3].
        frames: [B, T, 3, H, W].
    """
    small = functional.adaptive_avg_pool2d(frames.flatten(0, 1), (base.shape[2], base.shape[3]))
    return _mean_size(base.float().flatten(0, 1).permute(0, 3, 1, 2) - small)


def warp_loss(batch: Batch, coords: Tensor) -> Tensor:
    """How far from the truth the references are looked at, in half pictures.

    `coords` [B, T, M, 2, s, s] are places in each reference, -1..1 (x, y). What the reference's
    own label says there has to be the frame's label. Counts where both labels hold and the
    reference shows that place of the portrait at all.
    """
    b, t, m, _, size, _ = coords.shape
    wanted, known = _labels(batch.coordinates, batch.valid, size)
    shown = torch.cat([batch.reference_coordinates, batch.reference_valid], dim=2)
    looked = functional.grid_sample(
        shown[:, None].expand(-1, t, -1, -1, -1, -1).flatten(0, 2),
        coords.permute(0, 1, 2, 4, 5, 3).flatten(0, 2), padding_mode="border",
        align_corners=False,
    ).view(b, t, m, 3, size, size)  # fmt: skip
    wanted, known = wanted[:, :, None], known[:, :, None, 0]  # the same for each reference
    known = known & (looked[:, :, :, 2] > _KNOWN) & _within(batch.reference_coordinates, wanted)
    distance = (looked[:, :, :, :2] - wanted).abs().sum(dim=3)  # [B, T, M, s, s]
    return _mean_where(distance, known)


def _mean_where(values: Tensor, known: Tensor) -> Tensor:
    return (values * known).sum() / known.sum().clamp(min=1)


def _labels(coordinates: Tensor, valid: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Means of valid labels at another size: coordinates, and where most of them are valid."""
    if coordinates.shape[-1] == size:
        return coordinates, valid > _KNOWN
    both = torch.cat([coordinates * valid, valid], dim=2)
    resized = functional.adaptive_avg_pool2d(both.flatten(0, 1), size)
    resized = resized.unflatten(0, both.shape[:2])
    share = resized[:, :, 2:]
    return resized[:, :, :2] / share.clamp(min=1e-3), share > _KNOWN


def _within(reference_coordinates: Tensor, wanted: Tensor) -> Tensor:
    """Places [B, T, 1, 2, s, s] within the box that each reference shows, [B, T, M, s, s]."""
    flat = reference_coordinates.flatten(3)  # [B, M, 2, n]
    low, high = (edge[:, None, :, :, None, None] for edge in (flat.amin(3), flat.amax(3)))
    return ((wanted >= low) & (wanted <= high)).all(dim=3)


def unevenness(shares: Tensor) -> Tensor:
    """Mean absolute slope of the shares of the references [B, T, M + 1, s, s]."""
    down = (shares[..., 1:, :] - shares[..., :-1, :]).abs().mean()
    along = (shares[..., :, 1:] - shares[..., :, :-1]).abs().mean()
    return down + along
