"""Stages by name: the only place with concrete families, widths and weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class StageSpec:
    """One stage of a preset: the family, and what differs from the family's default config."""

    family: str
    options: dict[str, Any] = field(default_factory=dict)

    def with_options(self, **options: Any) -> StageSpec:
        """The same family with some options changed."""
        return StageSpec(self.family, {**self.options, **options})


FRAMES: dict[str, StageSpec] = {
    "rig_512": StageSpec("rig", {"resolution": 512}),
    "ref_vae_512": StageSpec("reference_vae", {"weights": "ref_vae_512"}),
    "ref_vae_fine_512": StageSpec(
        "reference_vae",
        {
            "weights": "ref_vae_fine_512",
            "widths": (16, 32, 64, 64),
            "decoder_widths": (16, 32, 64, 64),
            "down_times": (1, 1, 1),
            "up_times": (1, 1, 1),
            "latent_channels": 128,
            "motion_channels": 0,
            "paint_width": 16,
        },
    ),
    "ref_vae_tiny": StageSpec(
        "reference_vae",
        {
            "resolution": 64,
            "widths": (8, 16, 16, 16),
            "decoder_widths": (8, 8, 16, 16),
            "fusion_blocks": 1,
            "fusion_head": 8,
            "warp_width": 8,
            "paint_width": 8,
            "latent_channels": 16,
            "motion_channels": 4,
            "linear_cells": 1,
        },
    ),
    "ref_vae_plain_128": StageSpec(
        "reference_vae",
        {
            "resolution": 128,
            "patch": 4,
            "widths": (16, 32, 64, 64),
            "decoder_widths": (16, 32, 64, 64),
            "decoder_blocks": (1, 1, 1, 1),
            "fusion_blocks": 2,
            "warp_width": 0,
            "paint_stride": 1,
            "base_stride": 0,
        },
    ),
    "ref_vae_paper_512": StageSpec(
        "reference_vae",
        {
            "patch": 1,
            "widths": (128, 256, 512, 1024, 1024, 1024, 1024),
            "blocks": (2, 2, 2, 2, 0, 1, 1),
            "decoder_widths": (128, 256, 512, 1024, 1024, 1024, 1024),
            "decoder_blocks": (2, 2, 2, 2, 0, 1, 1),
            "time_kernels": (3, 3, 3, 3, 3, 3, 3),
            "down_times": (1, 2, 2, 1, 1, 1),
            "up_times": (1, 2, 2, 1, 1, 1),
            "enter_kernel": 3,
            "resampling_kernel": 3,
            "fusion_level": 4,
            "fusion_blocks": 6,
            "fusion_head": 64,
            "fusion_mlp_ratio": 4,
            "warp_width": 0,
            "paint_width": 128,
            "paint_stride": 1,
            "base_stride": 0,
        },
    ),
}
"""Frames stages by name, for commands that need no whole pipeline."""

LATENTS: dict[str, StageSpec] = {
    "block_flow_512": StageSpec(
        "block_rectified_flow",
        {
            "weights": "block_flow_512",
            "vae": "ref_vae_512",
            "guide_lips": "dyadic_512",
            "width": 192,
            "depth": 4,
            "window_steps": 16,
            "carried_steps": 12,
            "denoise_steps": 1,
        },
    ),
    "block_flow_tiny": StageSpec(
        "block_rectified_flow",
        {
            "latent_channels": 16,
            "latent_size": 2,
            "patch": 1,
            "width": 32,
            "depth": 2,
            "head_width": 16,
            "speech_width": 8,
            "sound_width": 16,
            "block_steps": 2,
            "window_steps": 6,
            "carried_steps": 4,
        },
    ),
    "block_flow_paper_512": StageSpec(
        "block_rectified_flow",
        {
            "patch": 1,
            "width": 1536,
            "depth": 24,
            "head_width": 128,
            "sound_width": 768,
            "encoder": "wav2vec2",
            "heard_width": 768,
            "modulation": "own",
            "prediction": "velocity",
            "anchor": "none",
            "guide": False,
            "block_steps": 4,
            "window_steps": 32,
            "carried_steps": 4,
            "denoise_steps": 12,
            "shift": 5.0,
            "guidance": 2.0,
        },
    ),
    "dyadic_512": StageSpec(
        "ar_flow_matching", {"weights": "dyadic_512", "guidance_speaker": 0.5, "lip_nets": 3}
    ),
    "dyadic_tiny": StageSpec(
        "ar_flow_matching",
        {
            "speech_width": 8,
            "partner_width": 8,
            "codes": 16,
            "width": 32,
            "depth": 2,
            "head_width": 8,
            "flow_depth": 1,
            "window_frames": 8,
        },
    ),
    "dyadic_paper_512": StageSpec(
        "ar_flow_matching",
        {
            "encoder": "wav2vec2",
            "heard_width": 768,
            "codes": 512,
            "width": 768,
            "depth": 16,
            "attentions": 2,
            "head_width": 64,
            "flow_depth": 6,
            "flow_mlp_ratio": 4,
            "window_frames": 96,
            "denoise_steps": 5,
            "guidance_speaker": 0.5,
            "guidance_listener": 0.5,
        },
    ),
}
"""Generators by name, for commands that need no whole pipeline."""
LATENTS["block_flow_fine_512"] = LATENTS["block_flow_512"].with_options(
    weights="block_flow_fine_512", vae="ref_vae_fine_512", latent_channels=128,
    frames_per_step=1, width=128, depth=3, window_steps=24, carried_steps=20, commit="last",
    correction=0.4,
)  # fmt: skip
LATENTS["block_flow_512_low_latency"] = LATENTS["block_flow_512"].with_options(
    block_steps=1, carried_steps=15, commit="last"
)
LATENTS["block_flow_fine_512_low_latency"] = LATENTS["block_flow_fine_512"].with_options(
    block_steps=2
)


def frames_spec(name: str) -> StageSpec:
    """The frames stage called `name`.

    Raises:
        ValueError: no such stage; lists the ones there are.
    """
    return _called(name, "frames", FRAMES)


def latents_spec(name: str) -> StageSpec:
    """The generator called `name`.

    Raises:
        ValueError: no such generator; lists the ones there are.
    """
    return _called(name, "latents", LATENTS)


def _called(name: str, kind: str, there: dict[str, StageSpec]) -> StageSpec:
    if name not in there:
        raise ValueError(f"{kind}={name!r} does not exist; choose one of {', '.join(there)}")
    return there[name]
