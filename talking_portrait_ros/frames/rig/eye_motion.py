"""What the controls ask of the eyes, and where on a grid the eyes are."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from talking_portrait_ros.spaces import ARKIT_NAMES

_PARTS = ("Blink", "Squint", "Wide", "LookUp", "LookDown", "LookIn", "LookOut")
_COLUMNS = tuple(
    ARKIT_NAMES.index(f"eye{part}{side}") for side in ("Right", "Left") for part in _PARTS
)
_COARSE = 4  # every fourth grid point is enough to find the eyes
_GAZE_X, _GAZE_Y = 0.42, 0.26  # way of the iris at full look, half eye widths


def eye_controls(motion: Tensor) -> Tensor:
    """Controls 0..1 [B, E, 7] (subject's right eye first) of `motion/arkit-1` rows [B, 58]."""
    return motion[:, list(_COLUMNS)].clamp(0, 1).reshape(len(motion), 2, len(_PARTS))


@dataclass(frozen=True)
class EyePose:
    """What the controls ask of each eye, [B, E, 1, 1] each.

    Attributes:
        upper: way of the upper lid towards the lower one, 1 shut, below 0 wide.
        lower: way of the lower lid upwards, part of the rest aperture.
        gaze_x: way of the iris to the right of the picture, half eye widths.
        gaze_y: way of the iris down.
        active: 0 at rest, 1 from a slight movement on.
        closing: how far the upper lid is down, 0..1.
    """

    upper: Tensor
    lower: Tensor
    gaze_x: Tensor
    gaze_y: Tensor
    active: Tensor
    closing: Tensor

    @classmethod
    def of(cls, controls: Tensor) -> EyePose:
        """From controls [B, E, 7] in the order of `_PARTS`."""
        shaped = controls[..., None, None]
        blink, squint, wide, up, down, inwards, outwards = shaped.unbind(2)
        down, up = (down - up).clamp(min=0), (up - down).clamp(min=0)
        open_part = 0.34 * down + 0.18 * squint - 0.24 * wide - 0.14 * up
        lower = 0.12 * blink + 0.34 * squint * (1 - 0.5 * blink) + 0.04 * up - 0.06 * down
        side = controls.new_tensor([-1.0, 1.0])[:, None, None]
        upper = open_part + (1 - open_part) * blink
        return cls(
            upper=upper,
            lower=lower,
            gaze_x=_GAZE_X * side * (outwards - inwards),
            gaze_y=_GAZE_Y * (down - up),
            active=(shaped.sum(2) * 8).clamp(max=1),
            closing=upper.clamp(min=0),
        )


@dataclass(frozen=True)
class Windows:
    """Equal cut-outs of a grid, one per eye: size, and top-left corners (row, column)."""

    height: int
    width: int
    corners: tuple[tuple[int, int], ...]

    @property
    def cuts(self) -> list[tuple[slice, slice]]:
        """Rows and columns of each eye."""
        return [
            (slice(top, top + self.height), slice(left, left + self.width))
            for top, left in self.corners
        ]


def find_windows(points: Tensor, bounds: Tensor) -> Windows | None:
    """The part of a grid [B, h, w, 2] in which each eye lies; None if neither does.

    Args:
        points: portrait positions.
        bounds: x0, y0, x1, y1 of each eye, portrait pixels, [E, 4].
    """
    coarse = points[:, None, ::_COARSE, ::_COARSE]
    low, high = bounds[:, None, None, :2], bounds[:, None, None, 2:]
    inside = ((coarse >= low) & (coarse <= high)).all(-1).any(0)  # [E, h/4, w/4]
    rows, columns = ([_span(eye.any(axis)) for eye in inside.cpu()] for axis in (1, 0))
    if not any(end for _, end in rows):
        return None
    height = min(max(end - start for start, end in rows), points.shape[1])
    width = min(max(end - start for start, end in columns), points.shape[2])
    corners = tuple(
        (min(row[0], points.shape[1] - height), min(column[0], points.shape[2] - width))
        for row, column in zip(rows, columns, strict=True)
    )
    return Windows(height, width, corners)


def _span(line: Tensor) -> tuple[int, int]:
    """First and end index on the full grid of the True values of a coarse line; 0, 0 if none."""
    hits = line.nonzero().flatten().tolist()
    return (max(hits[0] - 1, 0) * _COARSE, (hits[-1] + 2) * _COARSE) if hits else (0, 0)
