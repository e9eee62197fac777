"""Sound to features: what the generator hears, at the video rate.

One folder per interchangeable family; `FAMILIES` is the table of those in this package.
"""

from __future__ import annotations

from talking_portrait_ros.registry import Family, family_names, load_family

FAMILIES = {
    "causal_speech": "talking_portrait_ros.features.causal_speech",
    "log_mel": "talking_portrait_ros.features.log_mel",
}


def family(name: str) -> Family:
    """The features family called `name`; ValueError where there is none."""
    return load_family("features", FAMILIES, name)


def names() -> list[str]:
    """The features families there are."""
    return family_names("features", FAMILIES)
