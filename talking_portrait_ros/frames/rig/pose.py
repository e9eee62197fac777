"""Head pose: a solid head turned about the neck, seen through a pinhole camera.

z points away from the viewer here; the signs of `spaces` (which says "towards") are applied once,
in `rotations` and `pose_shift`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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


def rotations(angles: Tensor) -> Tensor:
    """Matrices [B, 3, 3] of pitch, yaw, roll [B, 3]: Rz(roll) Rx(pitch) Ry(yaw)."""
    (cp, cy, cr), (sp, sy, sr) = angles.cos().unbind(1), angles.sin().unbind(1)
    one, nil = torch.ones_like(cp), torch.zeros_like(cp)

    def matrix(*entries: Tensor) -> Tensor:
        return torch.stack(entries, dim=1).view(-1, 3, 3)

    roll = matrix(cr, -sr, nil, sr, cr, nil, nil, nil, one)
    pitch = matrix(one, nil, nil, nil, cp, -sp, nil, sp, cp)
    yaw = matrix(cy, nil, -sy, nil, one, nil, sy, nil, cy)
    return roll @ pitch @ yaw


def pose_shift(points: Tensor, depth: Tensor, motion: Tensor, head: Head) -> Tensor:
    """Way of each point when the head takes the pose of `motion`.

    Args:
        points: x and y, pixels [B, 2, N].
        depth: z, pixels [B, N].
        motion: `motion/arkit-1`, [B, 58].
        head: pivot and camera.

    Returns:
        Displacement, pixels [B, 2, N]; exactly zero for a zero pose up to rounding.
    """
    near = (head.focal + depth)[:, None] / head.focal  # [B, 1, N]
    flat = (points - head.centre[:, None]) * near
    space = torch.cat([flat, depth[:, None]], dim=1) - head.pivot[:, None]  # [B, 3, N]
    towards = motion.new_tensor([1.0, 1.0, -1.0])
    move = motion[:, 55:58] * towards * head.width
    turned = rotations(motion[:, 52:55]) @ space + (head.pivot + move)[:, :, None]
    scale = head.focal / (head.focal + turned[:, 2:]).clamp(min=0.2 * head.focal)
    return turned[:, :2] * scale + head.centre[:, None] - points
