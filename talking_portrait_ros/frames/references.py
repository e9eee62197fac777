"""The pictures of a session, by name: the drawn avatar or files."""

from __future__ import annotations

from collections.abc import Sequence

from talking_portrait_ros.chunks import References

AVATAR = "avatar"


def load_references(portraits: Sequence[str]) -> References:
    """One to three pictures of the same person.

    Args:
        portraits: paths of pictures, or "avatar" for the built-in drawn one.

    Raises:
        ValueError: none or more than three, or a picture that will not do.
    """
    from talking_portrait_ros.frames.avatar import drawn_avatar
    from talking_portrait_ros.frames.portrait import load_reference

    if not 1 <= len(portraits) <= 3:
        raise ValueError(f"portrait: {len(portraits)} pictures given; give 1 to 3")
    return References(
        tuple(drawn_avatar() if name == AVATAR else load_reference(name) for name in portraits)
    )
