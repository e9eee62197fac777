"""Drafts: what the guide would do, drawn small by a portrait rig, as latents of the VAE.

A block of pixels that moves changes its latents in no simple way; a small network on a CPU would
need weeks to learn it. So the first reference is made a rig of 128 x 128 pixels once per session,
the guide's motion moves it, and the linear path of the VAE codes the pictures. What is left to the
network is what the guide gets wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from talking_portrait_ros.chunks import Reference
from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.model import ReferenceVae
from talking_portrait_ros.frames.rig.builder import build_rig
from talking_portrait_ros.frames.rig.config import RigConfig
from talking_portrait_ros.frames.rig.renderer import RigRenderer
from talking_portrait_ros.nn.memory import Memory

_LEAST_PX = 64  # of a rig, and of a clip of the corpus


@dataclass
class DraftState:
    """One session.

    Attributes:
        renderer: the first reference.
        waiting: pictures that are not coded yet, uint8 [T, h, w, 3].
        memory: past of the linear path.
    """

    renderer: RigRenderer
    waiting: Tensor
    memory: Memory


class Drafter:
    """Motion to latents of a VAE with a linear path."""

    def __init__(self, vae: ReferenceVae, device: torch.device | str = "cpu") -> None:
        """Drafts in the latents of `vae`, drawn on `device`.

        Raises:
            ValueError: the VAE has no linear path.
        """
        if vae.linear is None:
            raise ValueError(
                "anchor='draft': this VAE has no linear path (base_stride 0); choose anchor="
                "'reference' or 'none'"
            )
        self._vae, self._device = vae, device

    def start(self, reference: Reference) -> DraftState:
        """A session.

        Raises:
            ValueError: no usable face in the picture; names the remedy.
        """
        size = drawn_px(self._vae.config)
        renderer = RigRenderer(build_rig(reference, RigConfig(resolution=size)), self._device)
        no_picture = torch.zeros(0, size, size, 3, dtype=torch.uint8, device=self._device)
        return DraftState(renderer, no_picture, Memory([]))

    def take(self, motion: Tensor, state: DraftState) -> None:
        """Draw frames of motion [T, 58]; a few at once cost half as much as one by one."""
        state.waiting = torch.cat([state.waiting, state.renderer.render(motion)])

    def coded(self, n_frames: int, state: DraftState) -> Tensor:
        """Latents [1, S, C, h, w] of the next `n_frames`; the last one stands for the missing."""
        n_missing = n_frames - len(state.waiting)
        held = state.waiting[-1:].expand(max(0, n_missing), -1, -1, -1)
        pictures = torch.cat([state.waiting[:n_frames], held])
        latents = drafted(pictures, self._vae, state.memory)
        state.waiting = state.waiting[n_frames:].clone()
        return latents


def drawn_px(config: ReferenceVaeConfig) -> int:
    """Size at which drafts for a VAE with a linear path are drawn."""
    return max(_LEAST_PX, config.resolution // config.base_stride)


def drafted(pictures: Tensor, vae: ReferenceVae, memory: Memory | None) -> Tensor:
    """Latents [1, S, C, h, w] of pictures uint8 [T, h, w, 3] of `drawn_px`."""
    planes = pictures.permute(0, 3, 1, 2).float() / 255
    return vae.encode_small(shrunk(planes, vae.config)[None], memory)


def shrunk(planes: Tensor, config: ReferenceVaeConfig) -> Tensor:
    """Pictures [T, 3, h, w] of `drawn_px` as small as the linear path wants them."""
    times = planes.shape[-1] * config.base_stride // config.resolution
    return functional.avg_pool2d(planes, times)
