"""S1, decoder: the reference-guided deep-compression causal VAE.

Reads `video/ref-vae-*`: 8 x 8 x 64 numbers per four frames of 512 x 512. See README.md.
"""

from __future__ import annotations

from talking_portrait_ros.frames.reference_vae.config import ReferenceVaeConfig
from talking_portrait_ros.frames.reference_vae.renderer import ReferenceVaeDecoder
from talking_portrait_ros.registry import Family

FAMILY = Family(
    config=ReferenceVaeConfig,
    build=ReferenceVaeDecoder,
    tiny=ReferenceVaeConfig(
        resolution=64,
        widths=(8, 16, 16, 16),
        decoder_widths=(8, 8, 16, 16),
        latent_channels=16,
        motion_channels=4,
        linear_cells=1,
        fusion_blocks=1,
        fusion_head=8,
        warp_width=8,
        paint_width=8,
    ),
)
