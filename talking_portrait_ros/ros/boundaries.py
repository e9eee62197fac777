"""Which topics cross which boundary between stages. Nothing here needs rclpy."""

from __future__ import annotations

BOUNDARIES: dict[str, tuple[str, ...]] = {
    "audio": ("audio", "partner_audio"),
    "features": ("features",),
    "latents": ("latents",),
    "frames": ("frames", "frames/info"),
}
"""Topics by the stage that sends them, in order of flow."""

COMPANIONS = ("audio", "references", "rungs")
"""What every recording holds besides: the screen's sound, the portrait, cheaper work."""

MAY_BE_SILENT = ("partner_audio", "rungs")
"""Topics that need not be there for a recording to begin."""


def topics_of(boundaries: tuple[str, ...]) -> tuple[str, ...]:
    """All topics that a recording of `boundaries` holds.

    Raises:
        ValueError: there is no such boundary, or none is named.
    """
    for name in boundaries or ("",):
        check_boundary(name)
    crossing = [topic for name in boundaries for topic in BOUNDARIES[name]]
    return tuple(dict.fromkeys([*COMPANIONS, *crossing]))


def nodes_after(boundary: str) -> tuple[str, ...]:
    """The stages that a replay of `boundary` needs, in order of flow.

    Raises:
        ValueError: there is no such boundary.
    """
    check_boundary(boundary)
    stages = [*BOUNDARIES]
    return tuple(stages[stages.index(boundary) + 1 :])


def topics_until(boundary: str) -> tuple[str, ...]:
    """What a replay of `boundary` sends: its topics, those before, and the companions.

    Raises:
        ValueError: there is no such boundary.
    """
    after = nodes_after(boundary)
    sent = tuple(name for name in BOUNDARIES if name not in after)
    return tuple(topic for topic in topics_of(sent) if topic != "rungs")


def check_boundary(name: str) -> None:
    """Refuse what is no boundary.

    Raises:
        ValueError: lists those that there are.
    """
    if name not in BOUNDARIES:
        raise ValueError(f"boundary={name!r}: choose among {', '.join(BOUNDARIES)}")
