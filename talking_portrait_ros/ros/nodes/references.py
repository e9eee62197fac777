"""The node `references`: the pictures of the person, sent once and latched."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from talking_portrait_ros import msg
from talking_portrait_ros.config import param
from talking_portrait_ros.frames.references import AVATAR, load_references
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.avatar_node import AvatarNode, AvatarParameters
from talking_portrait_ros.ros.conversions import references_to_msg
from talking_portrait_ros.ros.process import run_node


@dataclass(frozen=True)
class ReferencesParameters(AvatarParameters):
    """Whose face it is."""

    portraits: tuple[str, ...] = param(
        (AVATAR,), "one to three pictures of the person, or 'avatar' for the drawn one", live=True
    )


class ReferencesNode(AvatarNode[ReferencesParameters]):
    """Sends the portrait; setting `portraits` on the running node sends another one."""

    def __init__(self, defaults: ReferencesParameters | None = None) -> None:
        """Prepare."""
        super().__init__("references", defaults or ReferencesParameters())

    def configure(self) -> None:
        """Find the faces."""
        self._message = references_to_msg(load_references(self.config.portraits), self.now_ns())
        self._publisher = self.advertise(msg.References, "references", qos.LATCHED)

    def activate(self) -> None:
        """Send the pictures."""
        self._publisher.publish(self._message)

    def on_parameters(self, config: ReferencesParameters) -> None:
        """Another portrait; one that will not do is refused and the old one stays."""
        if not self.working:
            return
        try:
            self._message = references_to_msg(load_references(config.portraits), self.now_ns())
            self._publisher.publish(self._message)
        except ValueError as error:
            self.refuse(error)


def main() -> int:
    """Run the node; the exit code."""
    return run_node(ReferencesNode)


if __name__ == "__main__":
    sys.exit(main())
