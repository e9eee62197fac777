"""Latents to frames: how the face looks.

One folder per interchangeable family; `FAMILIES` is the table of those in this package.
"""

from __future__ import annotations

from talking_portrait_ros.registry import Family, family_names, load_family

FAMILIES = {
    "reference_vae": "talking_portrait_ros.frames.reference_vae",
    "rig": "talking_portrait_ros.frames.rig",
}


def family(name: str) -> Family:
    """The frames family called `name`; ValueError where there is none."""
    return load_family("frames", FAMILIES, name)


def names() -> list[str]:
    """The frames families there are."""
    return family_names("frames", FAMILIES)
