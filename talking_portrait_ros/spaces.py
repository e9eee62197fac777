"""Names and layouts of the latent spaces, so that any generator can meet any decoder.

`motion/arkit-1`: 58 numbers per frame, float32, in this order:
    0..51   the 52 ARKit blendshape weights in `ARKIT_NAMES` order, 0..1
    52..54  head rotation (pitch, yaw, roll), radians
    55..57  head translation (x, y, z), face widths (ear to ear)
Left and right are the person's own. Axes are those of the picture: x to the right, y down,
z towards the viewer. Positive pitch looks down, positive yaw turns the face towards the right
edge of the picture (the person's left), positive roll tilts the head clockwise as seen. The
rotation is R = Rz(roll) Rx(pitch) Ry(yaw), about the neck. All zeros is the person's neutral face:
lips closed, eyes open, looking at the camera, in the pose of the reference picture.
"""

from __future__ import annotations

MOTION_ARKIT = "motion/arkit-1"

ARKIT_NAMES: tuple[str, ...] = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft",
    "eyeSquintLeft", "eyeWideLeft",
    "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight",
    "jawForward", "jawLeft", "jawRight", "jawOpen",
    "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight",
    "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight",
    "mouthUpperUpLeft", "mouthUpperUpRight",
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight",
    "tongueOut",
)  # fmt: skip

MOTION_NAMES: tuple[str, ...] = (
    *ARKIT_NAMES,
    "headPitch", "headYaw", "headRoll", "headX", "headY", "headZ",
)  # fmt: skip

MOTION_WIDTH = len(MOTION_NAMES)

INDEX: dict[str, int] = {name: index for index, name in enumerate(MOTION_NAMES)}
"""Column of each control in `motion/arkit-1`."""
