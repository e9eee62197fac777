"""Lids and gaze on a drawn face whose eyes are known exactly."""

import math

import pytest
import torch
from torch.nn.functional import grid_sample

from talking_portrait_ros.frames.rig import eye_frame
from talking_portrait_ros.frames.rig.eyes import EyeRig, build_eyes
from talking_portrait_ros.spaces import ARKIT_NAMES

SIZE = 128
CENTRES = ((40.0, 60.0), (88.0, 60.0))  # the subject's right eye, then the left
HALF = 18.0
SKIN, WHITE, IRIS = (0.8, 0.6, 0.5), (0.95, 0.95, 0.95), (0.15, 0.15, 0.3)


def drawn_face() -> torch.Tensor:
    """A skin-coloured picture [3, 128, 128] with two open eyes."""
    y, x = torch.meshgrid(torch.arange(SIZE) * 1.0, torch.arange(SIZE) * 1.0, indexing="ij")
    picture = torch.tensor(SKIN)[:, None, None].repeat(1, SIZE, SIZE)
    for cx, cy in CENTRES:
        u, v = (x - cx) / HALF, (y - cy) / HALF
        opening = v.abs() < 0.42 * (1 - u**2)
        iris = opening & (u**2 + v**2 < 0.38**2)
        for mask, colour in ((opening, WHITE), (iris, IRIS)):
            picture[:, mask] = torch.tensor(colour)[:, None]
    return picture


def drawn_landmarks() -> torch.Tensor:
    points = torch.zeros(478, 3)

    def put(index: int, eye: int, u: float, v: float) -> None:
        cx, cy = CENTRES[eye]
        points[index, :2] = torch.tensor([cx + HALF * u, cy + HALF * v])

    for eye in (0, 1):
        for index, u in zip(eye_frame.CORNERS[eye], (-1, 1), strict=True):
            put(index, eye, u, 0)
        for group, sign in ((eye_frame.UPPER, -1), (eye_frame.LOWER, 1)):
            for k, index in enumerate(group[eye]):
                u = -0.75 + 0.25 * k
                put(index, eye, u, sign * 0.42 * (1 - u * u))
        for k, index in enumerate(eye_frame.BROW[eye]):
            put(index, eye, -0.8 + 0.4 * k, -1.1)
        put(eye_frame.IRIS[eye][0], eye, 0, 0)
        for k, index in enumerate(eye_frame.IRIS[eye][1:]):
            angle = k * math.pi / 2
            put(index, eye, 0.38 * math.cos(angle), 0.38 * math.sin(angle))
    return points


@pytest.fixture(scope="module")
def face() -> torch.Tensor:
    return drawn_face()


@pytest.fixture(scope="module")
def rig(face: torch.Tensor) -> EyeRig:
    return build_eyes(face, drawn_landmarks())


def grid(batch: int = 1) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(SIZE) * 1.0, torch.arange(SIZE) * 1.0, indexing="ij")
    return torch.stack([x, y], -1)[None].repeat(batch, 1, 1, 1)


def motion(**weights: float) -> torch.Tensor:
    row = torch.zeros(1, 58)
    for name, weight in weights.items():
        row[0, ARKIT_NAMES.index(name)] = weight
    return row


def both(part: str, weight: float) -> torch.Tensor:
    return motion(**{f"eye{part}Left": weight, f"eye{part}Right": weight})


def draw(face: torch.Tensor, rig: EyeRig, row: torch.Tensor) -> torch.Tensor:
    """The picture [3, 128, 128] for one row of motion."""
    return draw_all(face, rig, row)[0]


def draw_all(face: torch.Tensor, rig: EyeRig, rows: torch.Tensor) -> torch.Tensor:
    """The pictures [B, 3, 128, 128] for rows of motion."""
    source, overlay = rig.warp(grid(len(rows)), rows)
    places = source * 2 / (SIZE - 1) - 1
    pictures = face.expand(len(rows), -1, -1, -1)
    base = grid_sample(pictures, places, align_corners=True, padding_mode="border")
    return base + (overlay[:, :3] - base) * overlay[:, 3:]


def is_iris(picture: torch.Tensor) -> torch.Tensor:
    """Dark blue pixels."""
    return (picture[0] < 0.45) & (picture[2] > picture[0] + 0.03)


def opening(picture: torch.Tensor, eye: int) -> int:
    """Pixels of one eye that are white or iris: no more red in them than blue."""
    eyeball = picture[2] > picture[0] - 0.06
    return int(eyeball[:, 64 * eye : 64 * eye + 64].sum())


def iris_centre(picture: torch.Tensor, eye: int) -> tuple[float, float]:
    y, x = is_iris(picture)[:, 64 * eye : 64 * eye + 64].nonzero().float().mean(0).tolist()
    return x, y


def test_zero_controls_change_nothing(rig: EyeRig) -> None:
    source, overlay = rig.warp(grid(), torch.zeros(1, 58))
    assert torch.equal(source, grid())
    assert not overlay.any()


def test_points_outside_the_box_are_left_alone(rig: EyeRig) -> None:
    source, overlay = rig.warp(grid(), both("Blink", 1.0))
    x0, y0, x1, y1 = rig.box
    outside = torch.ones(SIZE, SIZE, dtype=torch.bool)
    outside[y0 : y1 + 1, x0 : x1 + 1] = False
    assert torch.equal(source[0][outside], grid()[0][outside])
    assert not overlay[0, 3][outside].any()
    assert overlay[0, 3].max() > 0.99


def test_lids_close_monotonically_and_completely(face: torch.Tensor, rig: EyeRig) -> None:
    pictures = draw_all(face, rig, torch.cat([both("Blink", b / 10) for b in range(11)]))
    for eye in (0, 1):
        areas = [opening(picture, eye) for picture in pictures]
        assert areas[0] > 300
        assert all(b < a or a == 0 for a, b in zip(areas, areas[1:], strict=False))
        assert 0.2 * areas[0] < areas[5] < 0.6 * areas[0]
        assert areas[10] < 0.03 * areas[0]


def test_squint_narrows_and_wide_widens(face: torch.Tensor, rig: EyeRig) -> None:
    rest = opening(face, 0)
    assert opening(draw(face, rig, both("Squint", 1.0)), 0) < 0.8 * rest
    assert opening(draw(face, rig, both("Wide", 1.0)), 0) > 1.03 * rest


def test_left_is_the_subjects_left(face: torch.Tensor, rig: EyeRig) -> None:
    picture = draw(face, rig, motion(eyeBlinkLeft=1.0))
    assert opening(picture, 0) == opening(face, 0)
    assert opening(picture, 1) < 0.03 * opening(face, 1)


@pytest.mark.parametrize(
    ("weights", "dx", "dy"),
    [
        ({"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8}, 1, 0),
        ({"eyeLookInLeft": 0.8, "eyeLookOutRight": 0.8}, -1, 0),
        ({"eyeLookUpLeft": 0.8, "eyeLookUpRight": 0.8}, 0, -1),
        ({"eyeLookDownLeft": 0.8, "eyeLookDownRight": 0.8}, 0, 1),
    ],
)
def test_gaze_moves_both_irises_the_same_way(
    face: torch.Tensor, rig: EyeRig, weights: dict[str, float], dx: int, dy: int
) -> None:
    picture = draw(face, rig, motion(**weights))
    for eye in (0, 1):
        x, y = iris_centre(picture, eye)
        x0, y0 = iris_centre(face, eye)
        assert dx * (x - x0) > 3 if dx else abs(x - x0) < 1
        assert dy * (y - y0) > 1.5 if dy else abs(y - y0) < 1


def test_no_second_iris_stays_behind(face: torch.Tensor, rig: EyeRig) -> None:
    picture = draw(face, rig, motion(eyeLookOutLeft=1.0, eyeLookInRight=1.0))
    left_behind = picture[:, 58:63, 32:36]  # was iris, is white now
    assert left_behind.mean() > 0.75


def test_upper_lids_follow_a_gaze_down(face: torch.Tensor, rig: EyeRig) -> None:
    assert opening(draw(face, rig, both("LookDown", 1.0)), 0) < 0.85 * opening(face, 0)


@pytest.mark.parametrize("part", ["Blink", "Squint", "Wide", "LookUp", "LookDown", "LookIn"])
def test_continuous_at_rest_and_beyond(face: torch.Tensor, rig: EyeRig, part: str) -> None:
    pictures = draw_all(face, rig, torch.cat([both(part, step / 100) for step in range(21)]))
    steps = (pictures[1:] - pictures[:-1]).abs().mean((1, 2, 3))
    assert steps.max() < 0.003


def test_extreme_controls_stay_finite_and_in_range(rig: EyeRig) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.cat(
        [
            torch.ones(1, 58),
            torch.full((1, 58), 1e6),
            torch.full((1, 58), -1e6),
            (torch.rand(5, 58, generator=generator) > 0.5).float(),
        ]
    )
    source, overlay = rig.warp(grid(len(rows)), rows)
    assert source.isfinite().all()
    assert overlay.isfinite().all()
    assert overlay.min() >= 0
    assert overlay.max() <= 1


def test_batch_equals_single(rig: EyeRig) -> None:
    rows = torch.rand(4, 58, generator=torch.Generator().manual_seed(1))
    source, overlay = rig.warp(grid(4), rows)
    for i in range(4):
        alone = rig.warp(grid(), rows[i : i + 1])
        torch.testing.assert_close(source[i : i + 1], alone[0], rtol=0, atol=1e-4)
        torch.testing.assert_close(overlay[i : i + 1], alone[1], rtol=0, atol=1e-4)


def test_any_grid_gives_the_same_values(rig: EyeRig) -> None:
    row = both("Blink", 0.6)
    source, overlay = rig.warp(grid(), row)
    x0, y0, x1, y1 = rig.box
    part = rig.warp(grid()[:, y0 : y1 + 1, x0 : x1 + 1], row)
    torch.testing.assert_close(part[0], source[:, y0 : y1 + 1, x0 : x1 + 1])
    torch.testing.assert_close(part[1], overlay[:, :, y0 : y1 + 1, x0 : x1 + 1])


def test_grid_without_eyes_is_identity(rig: EyeRig) -> None:
    far = grid()[:, 110:, :]
    source, overlay = rig.warp(far, both("Blink", 1.0))
    assert torch.equal(source, far)
    assert not overlay.any()


def test_state_round_trip(rig: EyeRig) -> None:
    again = EyeRig.from_state(rig.state())
    row = both("Blink", 0.5)
    assert all(
        torch.equal(a, b)
        for a, b in zip(rig.warp(grid(), row), again.warp(grid(), row), strict=True)
    )
    assert again.box == rig.box


def test_eyes_without_width_are_refused(face: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="eye corners"):
        build_eyes(face, torch.zeros(478, 3))
