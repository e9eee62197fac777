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
        self._message: msg.References | None = None

    def configure(self) -> None:
        """Find the faces."""
        self._message = self._loaded(self.config)
        self._publisher = self.advertise(msg.References, "references", qos.LATCHED)

    def activate(self) -> None:
        """Send the pictures."""
        self._publisher.publish(self._message)

    def cleanup(self) -> None:
        """Forget the pictures."""
        self._message = None

    def admit_parameters(self, config: ReferencesParameters) -> None:
        """Look at another portrait; the old one stays where it will not do."""
        if self._message is not None and config.portraits != self.config.portraits:
            self._message = self._loaded(config)

    def on_parameters(self, config: ReferencesParameters) -> None:
        """Send what was admitted."""
        if self.working:
            self._publisher.publish(self._message)

    def _loaded(self, config: ReferencesParameters) -> msg.References:
        return references_to_msg(load_references(config.portraits), self.now_ns())


def main() -> int:
    """Run the node; the exit code."""
    return run_node(ReferencesNode)


if __name__ == "__main__":
    sys.exit(main())
