"""Features to latents: how the face moves.

One folder per interchangeable family; `FAMILIES` is the table of those in this package.
"""

from __future__ import annotations

from talking_portrait_ros.registry import Family, family_names, load_family

FAMILIES = {
    "ar_flow_matching": "talking_portrait_ros.latents.ar_flow_matching",
    "audio_regression": "talking_portrait_ros.latents.audio_regression",
    "block_rectified_flow": "talking_portrait_ros.latents.block_rectified_flow",
    "replay": "talking_portrait_ros.latents.replay",
}


def family(name: str) -> Family:
    """The latents family called `name`; ValueError where there is none."""
    return load_family("latents", FAMILIES, name)


def names() -> list[str]:
    """The latents families there are."""
    return family_names("latents", FAMILIES)
