from __future__ import annotations

import sys

import numpy as np
import pytest
from helpers.presentation import Simulation, captured_ns

from talking_portrait_ros.screen.config import ScreenConfig
from talking_portrait_ros.screen.geometry import Geometry
from talking_portrait_ros.screen.window import WindowSink

pygame = pytest.importorskip("pygame", reason="pygame-ce is not installed")

RED, GREEN, BLUE, WHITE = (250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 250)


def corners_picture(height=40, width=60):
    """Red, green / blue, white: upper left, upper right / lower left, lower right."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = RED, GREEN
    image[height // 2 :, : width // 2], image[height // 2 :, width // 2 :] = BLUE, WHITE
    return image


def corners(image):
    return [tuple(map(int, image[y, x])) for y in (2, -3) for x in (2, -3)]


@pytest.mark.parametrize(
    ("geometry", "expected"),
    [
        (Geometry(), [RED, GREEN, BLUE, WHITE]),
        (Geometry(rotate=90), [BLUE, RED, WHITE, GREEN]),
        (Geometry(rotate=180), [WHITE, BLUE, GREEN, RED]),
        (Geometry(rotate=270), [GREEN, WHITE, RED, BLUE]),
        (Geometry(mirror=True), [GREEN, RED, WHITE, BLUE]),
        (Geometry(rotate=90, mirror=True), [WHITE, GREEN, BLUE, RED]),
    ],
)
def test_the_picture_is_mirrored_then_turned_clockwise(geometry, expected):
    turned = geometry.turned(corners_picture())
    assert corners(turned) == expected
    assert turned.shape[:2] == ((60, 40) if geometry.rotate in (90, 270) else (40, 60))


def test_fit_keeps_the_aspect_with_bars_and_fill_crops():
    picture = np.full((50, 100, 3), 200, np.uint8)
    fitted = Geometry().fitted(picture, 200, 200)
    assert fitted.shape == (200, 200, 3)
    rows = np.flatnonzero(fitted[:, 100, 0] > 100)
    assert (rows[0], rows[-1]) == (50, 149)
    assert Geometry(scale="fill").fitted(picture, 200, 200).min() == 200


def test_fill_shows_the_middle():
    picture = np.zeros((50, 100, 3), np.uint8)
    picture[:, 40:60] = 255
    filled = Geometry(scale="fill").fitted(picture, 50, 50)
    assert filled[25, 25, 0] == 255
    assert filled[25, 2, 0] == 0


@pytest.fixture
def window(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    opened = []

    def build(**options):
        sink = WindowSink(ScreenConfig(**options))
        opened.append(sink)
        sink.open()
        return sink

    yield build
    for sink in opened:
        sink.close()


def periods(image, n=3):
    simulation = Simulation()
    for k in range(n):
        simulation.frame(k, 80, image=image[None])
    simulation.run(captured_ns(n + 2))
    return simulation.periods


def seen():
    surface = pygame.display.get_surface()
    return pygame.surfarray.array3d(surface).transpose(1, 0, 2)


def test_the_window_takes_the_size_of_the_picture_and_shows_it(window):
    sink = window()
    sink.show(periods(corners_picture()))
    np.testing.assert_array_equal(seen(), corners_picture())


def test_a_turned_and_mirrored_window_shows_the_turned_picture(window):
    sink = window(rotate=90, mirror=True)
    sink.show(periods(corners_picture()))
    assert seen().shape == (60, 40, 3)
    assert corners(seen()) == [WHITE, GREEN, BLUE, RED]


def test_full_screen_fills_the_display_and_keeps_the_aspect(window):
    sink = window(full_screen=True)
    sink.show(periods(np.full((50, 50, 3), 200, np.uint8)))
    height, width = seen().shape[:2]
    assert (width, height) == tuple(pygame.display.get_desktop_sizes()[0])
    lit = np.flatnonzero(seen()[height // 2, :, 0] > 100)
    assert lit[-1] - lit[0] + 1 == pytest.approx(height, abs=1)


@pytest.mark.parametrize(
    "event",
    [
        pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE),
        pygame.event.Event(pygame.KEYDOWN, key=pygame.K_q),
        pygame.event.Event(pygame.QUIT),
    ],
)
def test_escape_q_and_the_window_button_close_it_even_without_frames(window, event):
    sink = window()
    sink.show([])
    assert not sink.closed
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_a))
    sink.show([])
    assert not sink.closed
    pygame.event.post(event)
    sink.show([])
    assert sink.closed
    sink.show(periods(corners_picture()))


@pytest.mark.parametrize("driver", ["x11", None])
def test_without_a_display_the_error_says_what_else_there_is(monkeypatch, driver):
    for name in ("WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":4711")
    if driver is not None:
        monkeypatch.setenv("SDL_VIDEODRIVER", driver)
    with pytest.raises(ValueError, match="no display .*; use file:PATH or none"):
        WindowSink().open()


def test_without_pygame_the_error_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(ValueError, match="pip install pygame-ce"):
        WindowSink().open()
