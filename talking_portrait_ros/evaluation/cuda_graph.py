"""The fastest way to run the reference VAE's decoder on a GPU: bfloat16 and a CUDA graph.

A latent step that is not the first of its session always launches the same kernels on the same
shapes. Recorded once, they are replayed by a single launch. The memory of the past is overwritten
in place, as the graph needs it.
"""

from __future__ import annotations

import numpy as np
import torch

from talking_portrait_ros.chunks import U8, LatentBlock
from talking_portrait_ros.frames.reference_vae.model import composed
from talking_portrait_ros.frames.reference_vae.renderer import DecoderState, ReferenceVaeDecoder

N_WARM_UP = 3


class GraphedDecoder:
    """Draws the latent steps of one session after its first one."""

    def __init__(self, stage: ReferenceVaeDecoder, state: DecoderState) -> None:
        """Record the graph; `state` has seen the first step."""
        self._stage, self._state = stage, state
        self._latent = torch.zeros(1, 1, *stage.in_shape, device=stage.device)
        aside = torch.cuda.Stream(stage.device)
        aside.wait_stream(torch.cuda.current_stream(stage.device))
        with torch.cuda.stream(aside):
            for _ in range(N_WARM_UP):
                self._drawn()
        torch.cuda.current_stream(stage.device).wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._frames = self._drawn()

    def step(self, block: LatentBlock) -> U8:
        """uint8 RGB [4, H, W, 3] of a block of one latent step."""
        self._latent.copy_(torch.from_numpy(np.ascontiguousarray(block.values))[None])
        self._graph.replay()
        frames: U8 = self._frames.cpu().numpy()
        return frames

    @torch.inference_mode()
    def _drawn(self) -> torch.Tensor:
        """uint8 [4, H, W, 3] on the device."""
        # Without the cache of casted weights: what it holds would not outlive the recording.
        with torch.autocast(self._stage.device.type, torch.bfloat16, cache_enabled=False):
            references = self._state.references
            painting = self._stage.model.paint(self._latent, references, self._state.memory)
            stride = self._stage.config.paint_stride
            frames = composed(painting, references, stride).frames[0]
        grey = (frames.float() * 255).round().clamp(0, 255).to(torch.uint8)
        return grey.permute(0, 2, 3, 1).contiguous()
