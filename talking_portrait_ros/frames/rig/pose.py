"""Head pose: a solid head turned about the neck, seen through a pinhole camera.

z points away from the viewer here; the signs of `spaces` (which says "towards") are applied once,
in `rotations` and `HeadPose.of`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_NEAREST = 0.2


@dataclass(frozen=True)
class Head:
    """What the head turns about, and the camera.

    Attributes:
        pivot: x, y, z of the neck joint in space, [3].
        width: ear to ear, pixels.
        focal: distance of the camera, pixels.
        centre: where the camera points, x and y pixels, [2].
    """

    pivot: Tensor
    width: Tensor
    focal: Tensor
    centre: Tensor


@dataclass(frozen=True)
class HeadPose:
    """A head in B poses.

    Attributes:
        head: pivot and camera.
        rotation: [B, 3, 3].
        move: where the pivot goes, [B, 3, 1].
    """

    head: Head
    rotation: Tensor
    move: Tensor

    @classmethod
    def of(cls, motion: Tensor, head: Head) -> HeadPose:
        """The poses in `motion` [B, 58]."""
        towards = motion.new_tensor([1.0, 1.0, -1.0])
        move = head.pivot + motion[:, 55:58] * towards * head.width
        return cls(head, rotations(motion[:, 52:55]), move[:, :, None])

    def shift(self, points: Tensor, depth: Tensor) -> Tensor:
        """Way of points of the portrait into the frame, pixels [L * B, 2, N].

        Args:
            points: x and y, pixels [L * B, 2, N]; L stretches of all poses.
            depth: z, pixels [L * B, N].
        """
        head, n_repeats = self.head, len(points) // len(self.rotation)
        near = 1 + depth[:, None] / head.focal  # [L B, 1, N]
        flat = (points - head.centre[:, None]) * near
        space = torch.cat([flat, depth[:, None]], dim=1) - head.pivot[:, None]  # [L B, 3, N]
        rotation, move = (part.repeat(n_repeats, 1, 1) for part in (self.rotation, self.move))
        turned = torch.baddbmm(move, rotation, space)
        scale = head.focal / (head.focal + turned[:, 2:]).clamp(min=_NEAREST * head.focal)
        return turned[:, :2] * scale + head.centre[:, None] - points


def rotations(angles: Tensor) -> Tensor:
    """Matrices [B, 3, 3] of pitch, yaw, roll [B, 3]: Rz(roll) Rx(pitch) Ry(yaw)."""
    (cp, cy, cr), (sp, sy, sr) = angles.cos().unbind(1), angles.sin().unbind(1)
    # Row by row; x right, y down, z away.
    entries = [
        cr * cy + sr * sp * sy, -sr * cp, sr * sp * cy - cr * sy,
        sr * cy - cr * sp * sy, cr * cp, -sr * sy - cr * sp * cy,
        cp * sy, sp, cp * cy,
    ]  # fmt: skip
    return torch.stack(entries, dim=1).view(-1, 3, 3)
