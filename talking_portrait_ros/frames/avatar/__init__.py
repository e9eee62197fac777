"""The built-in face, so that a robot has one without any photo.

It is drawn by the code of this folder (`python -m talking_portrait_ros.frames.avatar` draws it
anew) and shipped as a picture with its landmarks, so that it is there at once and looks the same
with every version of OpenCV, and MediaPipe is not needed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from talking_portrait_ros.chunks import Reference
from talking_portrait_ros.frames.portrait import load_reference

PICTURE = Path(__file__).parent / "avatar.png"


def drawn_avatar() -> Reference:
    """The avatar, 1024 x 1024, with landmarks; its name is "avatar".

    Raises:
        ValueError: the shipped picture is missing from the installation.
    """
    return replace(load_reference(PICTURE), name="avatar")
