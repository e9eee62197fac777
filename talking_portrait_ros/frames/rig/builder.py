"""Portrait to rig: everything that needs to be worked out once per picture."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from talking_portrait_ros.chunks import F32, Reference
from talking_portrait_ros.frames.portrait import crop_face
from talking_portrait_ros.frames.rig.basis import Site, lip_fields, skin_fields
from talking_portrait_ros.frames.rig.config import RigConfig
from talking_portrait_ros.frames.rig.contours import refine_lips
from talking_portrait_ros.frames.rig.eyes import build_eyes
from talking_portrait_ros.frames.rig.face_frame import (
    CHIN,
    EAR_LEFT,
    EAR_RIGHT,
    F64,
    FaceFrame,
    face_frame,
)
from talking_portrait_ros.frames.rig.lips import LipCurves, lip_curves
from talking_portrait_ros.frames.rig.rig import Rig
from talking_portrait_ros.frames.rig.sampling import look_up
from talking_portrait_ros.frames.rig.solid import depth_map, head_weight
from talking_portrait_ros.frames.rig.solve import Grid
from talking_portrait_ros.frames.rig.teeth import mouth_sprites, tissue_colours

FRAME_NODES = 64
_MOUTH_NODES = 170
_SMALL_PX = 256  # below, fewer nodes do
_SMALL_MOUTH_NODES = 64
_MOUTH_SPAN = ((-0.32, 0.32), (-0.48, 0.80))
_EROSION_PX = 1.0
_OVERLAP_PX = 1.6


def build_rig(reference: Reference, config: RigConfig) -> Rig:
    """The rig of a portrait.

    Raises:
        ValueError: no usable face in the picture; names the remedy.
    """
    portrait = crop_face(reference, config.resolution)
    assert portrait.landmarks is not None
    image, landmarks = portrait.image, portrait.landmarks
    frame = face_frame(landmarks)
    lips = refine_lips(image, frame, lip_curves(frame))
    scale = config.resolution / 512
    overlap = 0.0 if lips.closed else (_EROSION_PX + 0.8) * scale / frame.unit_px
    whole = Grid(0, 0, config.resolution / FRAME_NODES, FRAME_NODES, FRAME_NODES)
    mouth = _mouth_grid(frame, lips, config.resolution)
    skin = skin_fields(_site(whole, frame, lips, overlap))
    site = _site(mouth, frame, lips, overlap)
    layers = np.stack(lip_fields(site, skin_fields(site)))
    weight = head_weight(image, landmarks, frame, *_face_xy(whole, frame))
    solid = np.stack([depth_map(frame, *_face_xy(whole, frame)) * frame.unit_px, weight])
    planar = torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32) / 255)
    return Rig(
        picture=torch.from_numpy(np.ascontiguousarray(image)),
        skin_basis=_to_pixels(skin, frame, axis=1),
        lip_basis=_to_pixels(layers, frame, axis=2),
        skin_solid=_tensor(solid),
        lip_solid=_resample(solid, whole, mouth),
        lip_edges=_lip_edges(site, scale),
        teeth=_tensor(mouth_sprites(image, landmarks, frame, lips)),
        tissue=_tensor(tissue_colours(image, landmarks)),
        mouth_box=torch.tensor([mouth.left, mouth.top, mouth.cell]),
        face=_face_numbers(frame, lips, scale),
        head=_head_numbers(frame, solid[0], config.resolution),
        eyes=build_eyes(planar, torch.from_numpy(landmarks)),
    )


def _mouth_grid(frame: FaceFrame, lips: LipCurves, resolution: int) -> Grid:
    """The box of the picture in which the lips differ from the skin around."""
    (left, right), (top, bottom) = _MOUTH_SPAN
    corners = np.array([(x, y) for x in (lips.right + left, lips.left + right)
                        for y in (top, bottom)])  # fmt: skip
    pixels = frame.origin + frame.vectors_to_pixels(corners)
    low, high = np.floor(pixels.min(0)), np.ceil(pixels.max(0))
    n_nodes = _MOUTH_NODES if resolution >= _SMALL_PX else _SMALL_MOUTH_NODES
    cell = max(1, round(resolution / n_nodes))
    width, height = (int(n) for n in np.ceil((high - low) / cell))
    return Grid(float(low[0]), float(low[1]), float(cell), height, width)


def _face_xy(grid: Grid, frame: FaceFrame) -> tuple[F64, F64]:
    places = frame.from_pixels(grid.nodes().numpy().astype(np.float64))
    return places[..., 0], places[..., 1]


def _site(grid: Grid, frame: FaceFrame, lips: LipCurves, overlap: float) -> Site:
    return Site(*_face_xy(grid, frame), frame, lips, overlap)


def _to_pixels(fields: F64, frame: FaceFrame, axis: int) -> Tensor:
    """Displacements in face units as displacements along the picture's axes."""
    moved = np.moveaxis(fields, axis, -1)
    flat = frame.vectors_to_pixels(moved[..., :2])
    pixels = np.concatenate([flat, moved[..., 2:] * frame.unit_px], axis=-1)
    return _tensor(np.moveaxis(pixels, -1, axis))


def _resample(planes: F64, source: Grid, target: Grid) -> Tensor:
    cells = source.to_cells(target.nodes()).numpy()
    return _tensor(np.stack([look_up(plane.astype(np.float32), cells) for plane in planes]))


def _lip_edges(site: Site, scale: float) -> Tensor:
    """Signed distance inside the upper and the lower lip, pixels [2, m, n].

    Open lips are cut a little inside their edge, else tooth pixels fringe them; closed lips
    share one line, and the lower one runs on below the upper. Beyond the corners there is no edge.
    """
    lips, unit = site.lips, site.frame.unit_px
    erosion = 0.0 if lips.closed else _EROSION_PX * scale
    inside = np.clip((1 - np.abs(site.u)) / 0.12, 0, 1)
    beyond = np.clip(np.abs(site.u) - 1, 0, None) * lips.half_width * unit
    overlap = _OVERLAP_PX * scale * (1.0 if lips.closed else 1 - inside)
    edges = []
    for curve, sign, grow in ((lips.inner_upper, -1, 0.0), (lips.inner_lower, 1, overlap)):
        slope = np.interp(site.x, lips.x, np.gradient(curve, lips.x))
        distance = sign * (site.y - lips.at(curve, site.x)) / np.sqrt(1 + slope**2) * unit
        edges.append(distance - erosion * inside + grow + beyond)
    return _tensor(np.stack(edges))


def _face_numbers(frame: FaceFrame, lips: LipCurves, scale: float) -> Tensor:
    numbers = [*frame.origin, *frame.axes[0], frame.unit_px, 0.0, lips.half_width, lips.toothy,
               scale]  # fmt: skip
    return torch.tensor(numbers, dtype=torch.float32)


def _head_numbers(frame: FaceFrame, depth: F64, resolution: int) -> Tensor:
    ears = frame.points[[EAR_RIGHT, EAR_LEFT]]
    width = float(np.linalg.norm(ears[1] - ears[0])) * frame.unit_px
    focal = 2.2 * resolution
    chin = frame.points[CHIN, 1] + 0.10
    neck = frame.origin + frame.vectors_to_pixels(np.array([ears[:, 0].mean(), chin]))
    z = (float(ears[:, 2].mean()) + 0.15) * frame.unit_px
    centre = (resolution - 1) / 2
    x, y = (neck - centre) * (focal + z) / focal
    return torch.tensor([x, y, z, width, focal], dtype=torch.float32)


def _tensor(values: F64 | F32) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
