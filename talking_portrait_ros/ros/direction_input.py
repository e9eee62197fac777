"""Where the face is asked to look and what to feel: topics into a generator's `Director`."""

from __future__ import annotations

import math
from typing import Any

from geometry_msgs.msg import PointStamped
from std_msgs.msg import String

from talking_portrait_ros.latents.direction import Director, Expression, Gaze
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.avatar_node import AvatarNode

FACE_FRAMES = ("", "face")


class DirectionInput:
    """Hears `gaze_target` and `expression`, and `expression_hri` where hri_msgs is installed."""

    def __init__(self, node: AvatarNode[Any], director: Director) -> None:
        """Subscribe."""
        self._node = node
        self._director = director
        node.subscribe(PointStamped, "gaze_target", self._look, qos.EVENTS)
        node.subscribe(String, "expression", self._feel, qos.EVENTS)
        try:
            from hri_msgs.msg import Expression as HriExpression
        except ImportError:
            return
        node.subscribe(HriExpression, "expression_hri", self._feel_hri, qos.EVENTS)

    def _look(self, message: PointStamped) -> None:
        point = message.point
        try:
            if message.header.frame_id not in FACE_FRAMES:
                raise ValueError(
                    f"gaze_target.header.frame_id={message.header.frame_id!r}: give the point in "
                    "the face's own frame, 'face' (x right and y down as in the picture, z out)"
                )
            anywhere = all(math.isnan(value) for value in (point.x, point.y, point.z))
            self._director.look(None if anywhere else Gaze.at(point.x, point.y, point.z))
        except ValueError as error:
            self._node.refuse(error)

    def _feel(self, message: String) -> None:
        try:
            self._director.feel(expression_of(message.data))
        except ValueError as error:
            self._node.refuse(error)

    def _feel_hri(self, message: Any) -> None:
        try:
            name = message.expression
            felt = Expression.felt(message.valence, message.arousal)
            self._director.feel(Expression.named(name) if name else felt)
        except ValueError as error:
            self._node.refuse(error)


def expression_of(text: str) -> Expression | None:
    """What a text asks for: "happy", "happy 0.5", "valence arousal" as two numbers, "": nothing.

    Raises:
        ValueError: an unknown name, a number out of range, or too many words.
    """
    words = text.split()
    numbers = [_number(word) for word in words]
    if not words:
        return None
    if len(words) == 2 and numbers[0] is not None and numbers[1] is not None:
        return Expression.felt(numbers[0], numbers[1])
    if len(words) == 1 and numbers[0] is None:
        return Expression.named(words[0])
    if len(words) == 2 and numbers[0] is None and numbers[1] is not None:
        return Expression.named(words[0], numbers[1])
    raise ValueError(
        f"expression={text!r}: give a name, a name and a strength of 0 to 1, or valence and "
        "arousal of -1 to 1"
    )


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None
