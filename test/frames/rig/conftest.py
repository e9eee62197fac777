"""One astronaut (public domain) rigged once, her landmarks found by MediaPipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import skimage.data
import torch
from torch import Tensor

from talking_portrait_ros.chunks import Reference
from talking_portrait_ros.frames.landmarks import find_landmarks
from talking_portrait_ros.frames.rig.builder import build_rig
from talking_portrait_ros.frames.rig.config import RigConfig
from talking_portrait_ros.frames.rig.renderer import RigRenderer
from talking_portrait_ros.frames.rig.rig import Rig
from talking_portrait_ros.spaces import INDEX

RESOLUTION = 192


@pytest.fixture(scope="session")
def motion() -> Callable[..., Tensor]:
    """Makes one frame of motion [58]; a name without its side sets both sides."""

    def make(**controls: float) -> Tensor:
        values = torch.zeros(58)
        for name, value in controls.items():
            for column in [name] if name in INDEX else [name + "Left", name + "Right"]:
                values[INDEX[column]] = value
        return values

    return make


@pytest.fixture(scope="session")
def smiling() -> Reference:
    pytest.importorskip("mediapipe", reason="landmarks of the astronaut need MediaPipe")
    image = np.ascontiguousarray(skimage.data.astronaut()[10:220, 120:330])
    return Reference(image, find_landmarks(image), "astronaut")


@pytest.fixture(scope="session")
def closed(smiling: Reference) -> Reference:
    """The same picture, landmarks as of closed lips."""
    landmarks = smiling.landmarks.copy()
    upper = [191, 80, 81, 82, 13, 312, 311, 310, 415]
    lower = [95, 88, 178, 87, 14, 317, 402, 318, 324]
    landmarks[upper] = landmarks[lower] = (landmarks[upper] + landmarks[lower]) / 2
    return replace(smiling, landmarks=landmarks)


@pytest.fixture(scope="session")
def smiling_rig(smiling: Reference) -> Rig:
    return build_rig(smiling, RigConfig(resolution=RESOLUTION))


@pytest.fixture(scope="session")
def closed_rig(closed: Reference) -> Rig:
    return build_rig(closed, RigConfig(resolution=RESOLUTION))


@pytest.fixture(scope="session")
def renderer(smiling_rig: Rig) -> RigRenderer:
    return RigRenderer(smiling_rig)
