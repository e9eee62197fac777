"""The decoder as fast as a GPU runs it: bfloat16, and each latent step launched by one call."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from torch import Tensor

from talking_portrait_ros.frames.reference_vae.decoder import Painting, ReferenceCache
from talking_portrait_ros.frames.reference_vae.model import ReferenceVae
from talking_portrait_ros.nn.memory import Memory
from talking_portrait_ros.nn.recorded import Recorded, in_bfloat16


class FastPainter:
    """Paints the latent steps of one session, whose memory is overwritten in place.

    The first step, which is another function, is not recorded.
    """

    def __init__(self, model: ReferenceVae, references: ReferenceCache, memory: Memory) -> None:
        """`model` has no linear path, and its matrices are bfloat16."""
        self._model, self._references, self._memory = model, references, memory
        self._recorded = Recorded(self._painted, lambda: memory.contexts)

    def paint(self, latents: Tensor) -> Painting:
        """As `ReferenceVae.paint`."""
        n_steps = self._memory.n_steps + latents.shape[1]
        if self._memory.fresh:
            (paint,) = self._painted(None, [latents], [])
        else:
            (paint,) = self._recorded(None, [latents])
        self._memory.n_steps = n_steps  # a recording counts its warm-up, a replay nothing
        return Painting(paint, None, None, None)

    def _painted(
        self, _key: Hashable, moving: Sequence[Tensor], _standing: Sequence[Tensor]
    ) -> list[Tensor]:
        (latents,) = moving
        with in_bfloat16(latents.device):
            painting = self._model.paint(latents, self._references, self._memory)
        return [painting.paint.float()]
