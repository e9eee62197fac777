"""The painter of a CPU: the loops of `kernels.c`, called through ctypes."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_float, c_int, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from talking_portrait_ros.frames.rig.controls import CONTROL_INDEX, teeth_in_front
from talking_portrait_ros.frames.rig.eye_motion import eye_controls
from talking_portrait_ros.frames.rig.mouth import light_inside
from talking_portrait_ros.frames.rig.painter import Grids
from talking_portrait_ros.frames.rig.pose import HeadPose
from talking_portrait_ros.frames.rig.rig import Rig
from talking_portrait_ros.frames.rig.sampling import Sampling
from talking_portrait_ros.frames.rig.solve import ITERATIONS, Grid
from talking_portrait_ros.frames.rig.teeth import REACH
from talking_portrait_ros.frames.rig.windows import LipWarp, feather
from talking_portrait_ros.native import load_kernels

VERSION = 2  # of the structures below, as in kernels.c


class _Eye(Structure):
    _fields_ = [
        ("bounds", c_float * 4), ("to_eye", c_float * 6), ("to_plate", c_float * 6),
        ("down", c_float * 2), ("upper", c_float * 3), ("lower", c_float * 3),
        ("numbers", c_float * 6), ("height", c_int), ("width", c_int),
        ("skin", c_void_p), ("lash", c_void_p), ("sclera", c_void_p), ("iris", c_void_p),
    ]  # fmt: skip


class _Grid(Structure):
    _fields_ = [
        ("left", c_float), ("top", c_float), ("cell", c_float), ("height", c_int),
        ("width", c_int),
    ]  # fmt: skip


class _Pose(Structure):
    _fields_ = [
        ("pivot", c_float * 3), ("focal", c_float), ("centre", c_float * 2),
        ("rotation", c_float * 9), ("move", c_float * 3),
    ]  # fmt: skip


class _Window(Structure):
    _fields_ = [(name, c_int) for name in ("x", "y", "height", "width", "cell")]


class _Mouth(Structure):
    _fields_ = [
        ("size", c_int), ("sprite", c_int), ("picture", c_void_p), ("teeth", c_void_p),
        ("reach", c_float), ("inside", c_float * 3), ("lip", c_float * 3), ("unit", c_float),
        ("half_width", c_float), ("seam", c_float), ("scale", c_float),
    ]  # fmt: skip


class _MouthPose(Structure):
    _fields_ = [
        ("origin", c_float * 2), ("inverse", c_float * 4), ("front", c_float), ("jaw", c_float),
        ("jaw_side", c_float), ("light", c_float),
    ]  # fmt: skip


_FLOATS = c_void_p
_ARGUMENTS: dict[str, tuple[Any, list[Any]]] = {
    "rig_invert": (c_int, [POINTER(_Grid), c_int, c_int, _FLOATS, _FLOATS, _FLOATS]),
    "rig_forward": (None, [POINTER(_Pose), c_int, *[_FLOATS] * 4]),
    "rig_lip_layers": (
        c_int, [POINTER(_Grid), POINTER(_Grid), POINTER(_Window), c_int, *[_FLOATS] * 6],
    ),
    "rig_eyes": (None, [POINTER(_Eye), POINTER(_Window), c_int, *[_FLOATS] * 3]),
    "rig_cover": (None, [POINTER(_Window), c_int, _FLOATS, c_void_p, _FLOATS]),
    "rig_place_lips": (c_int, [POINTER(_Window), c_int, *[_FLOATS] * 5]),
    "rig_mouth": (
        None,
        [POINTER(_Mouth), POINTER(_MouthPose), POINTER(_Window), _FLOATS, _FLOATS, c_void_p,
         _FLOATS],
    ),
}  # fmt: skip


@cache
def kernels() -> ctypes.CDLL | None:
    """The compiled `kernels.c`, its functions typed; None where it is missing or outdated."""
    folder = Path(__file__).parent
    found = load_kernels(
        folder, "rig_version", VERSION, "frames are drawn by PyTorch, half as fast"
    )
    if found is not None:
        for name, (result, arguments) in _ARGUMENTS.items():
            function = getattr(found, name)
            function.restype, function.argtypes = result, arguments
    return found


class NativePainter:
    """One frame after the other, on a CPU; see `Painter`."""

    def __init__(self, rig: Rig, sampling: Sampling, grids: Grids) -> None:
        """As `TorchPainter`; `sampling` is not needed.

        Raises:
            RuntimeError: the kernels are not compiled.
        """
        library = kernels()
        if library is None:
            raise RuntimeError("frames/rig: kernels.c is not compiled; run make setup")
        self._library = library
        self._size = rig.resolution
        self._grids = grids
        self._whole, self._lips = _grid(grids.whole), _grid(grids.lips)
        self._edges = rig.lip_edges.float().contiguous()
        self._feather = feather(grids.mouth, "cpu").contiguous()
        self._kept: list[Tensor] = []  # what the structures point into
        self._eyes = (_Eye * 2)(*(self._eye(rig, index) for index in range(2)))
        self._mouth = self._mouth_of(rig)

    @staticmethod
    def can_draw_on(device: torch.device | str) -> bool:
        """Whether this painter works there."""
        return torch.device(device).type == "cpu" and kernels() is not None

    def forward(
        self, basis: Tensor, solid: Tensor, nodes: Tensor, pose: HeadPose, controls: Tensor
    ) -> Tensor:
        """See `Painter`."""
        layers, n_controls, _, height, width = basis.shape
        moved = controls @ basis.reshape(layers, n_controls, -1)  # [L, B, 3 h w]
        nodes, solid = nodes.contiguous(), solid.float().contiguous()
        way = torch.empty(layers, len(controls), 2, height, width)
        poses = _poses(pose)
        for field, out in zip(moved, way, strict=True):
            for index, told in enumerate(poses):
                self._library.rig_forward(
                    told, height * width, field[index].data_ptr(), nodes.data_ptr(),
                    solid.data_ptr(), out[index].data_ptr(),
                )  # fmt: skip
        return way.flatten(0, 1)

    def invert(self, shift: Tensor, grid: Grid, targets: Tensor, start: Tensor) -> Tensor:
        """See `solve.invert`."""
        shift, targets = shift.contiguous(), targets.contiguous()
        found = start.clone(memory_format=torch.contiguous_format)
        for field, target, out in zip(shift, targets, found, strict=True):
            _check(self._library.rig_invert(
                _grid(grid), ITERATIONS, target.numel() // 2, field.data_ptr(),
                target.data_ptr(), out.data_ptr(),
            ))  # fmt: skip
        return found

    def lip_layers(self, forward: Tensor, shift: Tensor, corner: Tensor) -> tuple[Tensor, Tensor]:
        """See `Painter`."""
        window, shift, n_frames = self._grids.mouth, shift.contiguous(), len(shift)
        layers = torch.empty(2, n_frames, window.height, window.width, 3)
        skin = torch.empty(n_frames, window.height, window.width, 2)
        ways = forward.view(2, n_frames, *forward.shape[1:]).transpose(0, 1).contiguous()
        for index, place in enumerate(corner.tolist()):
            _check(self._library.rig_lip_layers(
                self._lips, self._whole, _window(window, place), ITERATIONS,
                ways[index].data_ptr(), self._edges.data_ptr(), shift[index].data_ptr(),
                skin[index].data_ptr(), layers[0, index].data_ptr(), layers[1, index].data_ptr(),
            ))  # fmt: skip
        return layers, skin

    def move_eyes(self, coords: Tensor, corner: Tensor, motion: Tensor) -> Tensor:
        """See `Painter`."""
        window = self._grids.eyes
        paint = coords.new_zeros(len(coords), window.height, window.width, 4)
        controls = eye_controls(motion).contiguous()
        for frame, place, told, out in zip(coords, corner.tolist(), controls, paint, strict=True):
            self._library.rig_eyes(
                self._eyes, _window(window, place), self._size, told.data_ptr(),
                frame.data_ptr(), out.data_ptr(),
            )  # fmt: skip
        return paint

    def cover(self, frames: Tensor, paint: Tensor, corner: Tensor) -> None:
        """See `Painter`."""
        for frame, laid, place in zip(frames, paint, corner.tolist(), strict=True):
            window = _window(self._grids.eyes, place)
            self._library.rig_cover(window, self._size, laid.data_ptr(), *_levels(frame))

    def place_lips(self, coords: Tensor, lips: LipWarp) -> None:
        """See `Painter`."""
        skin, (uppers, lowers) = lips.skin.contiguous(), lips.layers
        for frame, upper, lower, around, place in zip(
            coords, uppers, lowers, skin, lips.corner.tolist(), strict=True
        ):
            _check(self._library.rig_place_lips(
                _window(self._grids.mouth, place), self._size, upper.data_ptr(),
                lower.data_ptr(), around.data_ptr(), self._feather.data_ptr(), frame.data_ptr(),
            ))  # fmt: skip

    def add_mouth(self, frames: Tensor, lips: LipWarp, motion: Tensor, controls: Tensor) -> None:
        """See `Painter`."""
        front = teeth_in_front(motion).tolist()
        light = light_inside(controls).tolist()
        jaw = controls[:, [CONTROL_INDEX["jaw"], CONTROL_INDEX["jawSide"]]].tolist()
        inverse = torch.linalg.inv_ex(lips.plane[:, :, 1:])[0].flatten(1).tolist()
        origin = lips.plane[:, :, 0].tolist()
        uppers, lowers = lips.layers
        for index, (frame, upper, lower, place) in enumerate(
            zip(frames, uppers, lowers, lips.corner.tolist(), strict=True)
        ):
            pose = _MouthPose(
                tuple(origin[index]), tuple(inverse[index]), front[index], *jaw[index],
                light[index],
            )  # fmt: skip
            self._library.rig_mouth(
                self._mouth, pose, _window(self._grids.mouth, place), upper.data_ptr(),
                lower.data_ptr(), *_levels(frame),
            )  # fmt: skip

    def _eye(self, rig: Rig, index: int) -> _Eye:
        eyes = rig.eyes
        plates = [self._plate(getattr(eyes, name)[index])
                  for name in ("skin", "lash", "sclera", "iris")]  # fmt: skip
        numbers = [getattr(eyes, name)[index].flatten().tolist()
                   for name in ("bounds", "to_eye", "to_plate", "down", "upper", "lower",
                                "numbers")]  # fmt: skip
        return _Eye(*map(tuple, numbers), *eyes.skin.shape[2:], *plates)

    def _plate(self, planes: Tensor) -> int:
        """Address of `planes` [C, h, w] as a picture with four channels."""
        picture = torch.zeros(*planes.shape[1:], 4)
        picture[..., : len(planes)] = planes.permute(1, 2, 0)
        return self._address(picture)

    def _mouth_of(self, rig: Rig) -> _Mouth:
        numbers = rig.face[[4, 6, 7, 8]].tolist()
        return _Mouth(
            self._size, rig.teeth.shape[1], self._address(rig.picture.float()),
            self._address(rig.teeth.float()), REACH, tuple(rig.tissue[0].tolist()),
            tuple(rig.tissue[1].tolist()), *numbers,
        )  # fmt: skip

    def _address(self, tensor: Tensor) -> int:
        self._kept.append(tensor.contiguous())
        return self._kept[-1].data_ptr()


def _grid(grid: Grid) -> _Grid:
    return _Grid(grid.left, grid.top, grid.cell, grid.height, grid.width)


def _poses(pose: HeadPose) -> list[_Pose]:
    head = pose.head
    still = tuple(head.pivot.tolist()), float(head.focal), tuple(head.centre.tolist())
    rotations, moves = pose.rotation.flatten(1).tolist(), pose.move[:, :, 0].tolist()
    return [
        _Pose(*still, tuple(rotation), tuple(move))
        for rotation, move in zip(rotations, moves, strict=True)
    ]


def _window(grid: Grid, corner: list[int]) -> _Window:
    return _Window(*corner, grid.height, grid.width, int(grid.cell))


def _levels(frame: Tensor) -> tuple[int | None, int | None]:
    """Address of a frame of bytes, and of one of floats: one of them is None."""
    address = frame.data_ptr()
    return (None, address) if frame.is_floating_point() else (address, None)


def _check(failed: int) -> None:
    if failed:
        raise MemoryError("frames/rig: no memory for the grids of a frame")
