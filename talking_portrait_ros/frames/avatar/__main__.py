"""Draw the avatar anew and store it: `python -m talking_portrait_ros.frames.avatar`."""

from __future__ import annotations

import cv2

from talking_portrait_ros.frames.avatar import PICTURE
from talking_portrait_ros.frames.avatar.drawing import draw_avatar
from talking_portrait_ros.frames.avatar.landmarks import locate
from talking_portrait_ros.frames.portrait import save_landmarks


def main() -> None:
    """Write the picture and its landmarks into the package."""
    image = draw_avatar()
    cv2.imwrite(str(PICTURE), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    save_landmarks(PICTURE, locate(image))


if __name__ == "__main__":
    main()
