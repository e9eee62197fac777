"""Light, colour and the faults of cameras: what changes pixels but does not move them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.training.corpus.chance import stream, wander
from talking_portrait_ros.training.corpus.config import CorpusConfig

_LUMA = (0.299, 0.587, 0.114)
_SLOW_FRAMES = 40


@dataclass(frozen=True)
class Light:
    """The light of T pictures.

    Attributes:
        gains: of red, green and blue, [T, 3].
        slopes: how much brighter it gets to the right and down, [T, 2].
        curve: bend of the tone curve, -0.5 (darker) .. 0.5 (lighter).
        saturation: 0 grey, 1 as it is.
    """

    gains: F32
    slopes: F32
    curve: float
    saturation: float

    @classmethod
    def of_clip(cls, seed: int, n_frames: int, config: CorpusConfig) -> Light:
        """The light of a clip: its own tone, slowly changing."""
        size = config.light
        generator = stream(seed, "light")
        log_gain = size * (0.10 * generator.normal() + 0.04 * generator.normal(size=3))
        slopes = size * 0.16 * generator.normal(size=2)
        change = size * generator.uniform(0, 0.15) * (generator.random() < 0.5)
        waves = np.stack(
            [wander(stream(seed, "light", i), n_frames, _SLOW_FRAMES) for i in range(3)], axis=1
        )
        gains = np.exp(log_gain + change * waves[:, :1])
        curve = float(np.clip(size * 0.16 * generator.normal(), -0.5, 0.5))
        saturation = float(np.clip(1 + size * 0.15 * generator.normal(), 0.3, 1.6))
        if stream(seed, "grey").random() < config.grey:
            saturation = 0.0
        slopes = np.clip(slopes + change * waves[:, 1:], -0.45, 0.45)
        return cls(gains.astype(np.float32), slopes.astype(np.float32), curve, saturation)

    def for_reference(self, seed: int, config: CorpusConfig) -> Light:
        """Nearly the first frame's light: the reference was taken at another moment."""
        generator = stream(seed, "reference light")
        size = config.light
        gains = self.gains[:1] * np.exp(
            size * (0.04 * generator.normal() + 0.015 * generator.normal(size=3))
        )
        slopes = self.slopes[:1] + size * 0.04 * generator.normal(size=2)
        return replace(self, gains=gains.astype(np.float32), slopes=slopes.astype(np.float32))

    def part(self, first: int, last: int) -> Light:
        """The light of pictures `first` .. `last` - 1."""
        return replace(self, gains=self.gains[first:last], slopes=self.slopes[first:last])


def joined(lights: Sequence[Light]) -> Light:
    """The lights of several pictures of one clip."""
    gains, slopes = (np.concatenate([getattr(one, name) for one in lights])
                     for name in ("gains", "slopes"))  # fmt: skip
    return replace(lights[0], gains=gains, slopes=slopes)


def lit(pictures: Tensor, light: Light) -> Tensor:
    """`pictures` [T, 3, H, W], 0..1, in another light; may leave 0..1."""
    device = pictures.device
    if light.curve:
        pictures.mul_(1 + light.curve - light.curve * pictures)
    luma = np.tile(np.array(_LUMA, np.float32), (3, 1))
    mixed = light.saturation * np.eye(3) + (1 - light.saturation) * luma
    matrices = torch.from_numpy((light.gains[:, :, None] * mixed).astype(np.float32)).to(device)
    pictures = torch.bmm(matrices, pictures.flatten(2)).view_as(pictures)
    slopes = torch.from_numpy(light.slopes).to(device)[:, :, None, None]
    height, width = pictures.shape[2:]
    across = torch.linspace(-1, 1, width, device=device)
    down = torch.linspace(-1, 1, height, device=device)[:, None]
    field = (1 + slopes[:, :1] * across + slopes[:, 1:] * down).clamp(min=0.3)  # [T, 1, H, W]
    return pictures.mul_(field)


def softened(pictures: Tensor, seed: int, config: CorpusConfig) -> Tensor:
    """uint8 pictures [T, H, W, 3], out of focus in some clips."""
    generator = stream(seed, "focus")
    if generator.random() >= config.blur:
        return pictures
    sigma = generator.uniform(0.3, 1.1) * pictures.shape[1] / 256
    return (blurred_cv if pictures.device.type == "cpu" else blurred_torch)(pictures, sigma)


def blurred_cv(pictures: Tensor, sigma: float) -> Tensor:
    """uint8 pictures [T, H, W, 3] blurred by `sigma` pixels, on a CPU."""
    soft = [cv2.GaussianBlur(picture, (0, 0), sigma) for picture in pictures.numpy()]
    return torch.from_numpy(np.stack(soft))


def blurred_torch(pictures: Tensor, sigma: float) -> Tensor:
    """`blurred_cv` on any device."""
    reach = max(1, round(3 * sigma))
    at = torch.arange(-reach, reach + 1, device=pictures.device)
    line = torch.exp(-0.5 * (at / sigma) ** 2)
    line = (line / line.sum()).expand(3, 1, 1, -1)
    planes = functional.pad(pictures.permute(0, 3, 1, 2).float(), (reach,) * 4, "reflect")
    across = functional.conv2d(planes, line, groups=3)
    soft = functional.conv2d(across, line.transpose(2, 3), groups=3)
    return soft.round_().byte().permute(0, 2, 3, 1)


def spoilt(pictures: Tensor, seed: int, indices: list[int], config: CorpusConfig) -> Tensor:
    """Pictures [T, 3, H, W], 0..1, as uint8; in some clips noisy or with block artefacts.

    `indices` number the pictures within the clip: each has noise of its own.
    """
    generator = stream(seed, "faults")
    noisy, blocky = generator.random(2)
    level, quality = generator.uniform((0.004, 30), (0.025, 85))
    if noisy < config.noise:
        pictures = torch.stack(
            [p + level * _noise(p, seed, i) for p, i in zip(pictures, indices, strict=True)]
        )
    levels = pictures.mul(255).round_().clamp_(0, 255).byte()
    return _compressed(levels, int(quality)) if blocky < config.jpeg else levels


def _noise(picture: Tensor, seed: int, index: int) -> Tensor:
    key = int(stream(seed, "noise", index).integers(2**62))
    generator = torch.Generator(picture.device).manual_seed(key)
    return torch.randn(picture.shape, generator=generator, device=picture.device)


def _compressed(pictures: Tensor, quality: int) -> Tensor:
    """Once through JPEG."""
    restored = []
    for picture in pictures.permute(0, 2, 3, 1).cpu().numpy():
        _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        restored.append(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
    planes = torch.from_numpy(np.stack(restored)).permute(0, 3, 1, 2)
    return planes.contiguous().to(pictures.device)
