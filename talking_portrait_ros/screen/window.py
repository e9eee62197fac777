"""A window, or a whole display, through SDL (pygame-ce)."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from talking_portrait_ros.chunks import U8
from talking_portrait_ros.screen.config import ScreenConfig
from talking_portrait_ros.screen.geometry import Geometry
from talking_portrait_ros.screen.presented import Presented

UNSEEN_DRIVERS = ("dummy", "offscreen")
FIRST_SIZE = (512, 512, 3)
TITLE = "Talking portrait (synthetic face)"


class WindowSink:
    """Shows frames in a window; Escape, q and the window's own button close it.

    SDL wants one thread for all calls; the player sees to that.
    """

    def __init__(self, config: ScreenConfig | None = None) -> None:
        """Prepare; nothing is opened yet."""
        self.closed = False
        self._config = config or ScreenConfig()
        self._geometry = Geometry.of(self._config)
        self._shape: tuple[int, ...] = ()

    def open(self) -> None:
        """Open the window, which takes tenths of a second, before the first frame is due.

        Raises:
            ValueError: there is no display, or pygame-ce is not installed.
        """
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        try:
            import pygame
        except ImportError:
            raise ValueError(
                "screen='window' needs pygame-ce: pip install pygame-ce, or use file:PATH or none"
            ) from None
        try:
            pygame.display.init()
        except pygame.error as error:
            raise _no_display(str(error)) from None
        driver = pygame.display.get_driver()
        if driver in UNSEEN_DRIVERS and os.environ.get("SDL_VIDEODRIVER") != driver:
            pygame.display.quit()
            raise _no_display("SDL found only one that nobody can see")
        try:
            self._window(FIRST_SIZE)
        except pygame.error as error:
            pygame.display.quit()
            raise _no_display(str(error)) from None

    def show(self, periods: Sequence[Presented]) -> None:
        """Draw the newest period and look for keys."""
        if periods and not self.closed:
            self._draw(periods[-1].image)
        self._look_for_keys()

    def close(self) -> None:
        """Close the window."""
        import pygame

        pygame.display.quit()

    def _draw(self, picture: U8) -> None:
        import pygame

        if picture.shape != self._shape:
            self._window(picture.shape)
        surface = pygame.display.get_surface()
        assert surface is not None
        width, height = surface.get_size()
        image = self._geometry.fitted(picture, width, height)  # [height, width, 3]
        data = np.ascontiguousarray(image).tobytes()
        surface.blit(pygame.image.frombuffer(data, (width, height), "RGB"), (0, 0))
        pygame.display.flip()

    def _window(self, shape: tuple[int, ...]) -> None:
        """A window for pictures of that shape, or the whole display."""
        import pygame

        first, self._shape = not self._shape, shape
        pygame.display.set_caption(TITLE)
        if not self._config.full_screen:
            height, width = shape[:2]
            if self._config.rotate in (90, 270):
                height, width = width, height
            pygame.display.set_mode((width, height), pygame.RESIZABLE)
        elif first:
            pygame.mouse.set_visible(False)
            pygame.display.set_mode((0, 0), pygame.FULLSCREEN)

    def _look_for_keys(self) -> None:
        import pygame

        for event in pygame.event.get():
            pressed = event.type == pygame.KEYDOWN and event.key in (pygame.K_ESCAPE, pygame.K_q)
            self.closed = self.closed or pressed or event.type == pygame.QUIT


def _no_display(reason: str) -> ValueError:
    return ValueError(
        f"screen='window': no display ({reason}); use file:PATH or none, or set DISPLAY"
    )
