"""What a user can choose about the screen."""

from __future__ import annotations

from dataclasses import dataclass

from talking_portrait_ros.config import Config, param
from talking_portrait_ros.timebase import Timebase

MAX_DELAY_MS = 15_000.0


@dataclass(frozen=True)
class ScreenConfig(Config):
    """Timing, geometry and sound of the screen."""

    fps: int = param(25, "frames per second of the stream", minimum=1, maximum=120, unit="Hz")
    sample_rate_hz: int = param(
        16_000, "sample rate of the sound", minimum=8_000, maximum=192_000, unit="Hz"
    )
    min_delay_ms: float = param(
        0.0,
        "least time from the capture of a frame's last sample to its showing",
        minimum=0.0, maximum=5000.0, unit="ms",
    )  # fmt: skip
    max_delay_ms: float = param(
        160.0,
        "the delay does not grow beyond this while any frames come sooner",
        minimum=20.0, maximum=MAX_DELAY_MS, unit="ms",
    )  # fmt: skip
    margin_ms: float = param(
        3.0, "how much earlier than needed frames should be there", minimum=0.0, maximum=500.0,
        unit="ms",
    )  # fmt: skip
    grace_ms: float = param(
        12.0,
        "how long the picture of a period may still come after its beginning; the rare late ones "
        "are then shown late, instead of all being held back for them",
        minimum=0.0, maximum=30.0, unit="ms",
    )  # fmt: skip
    rotate: int = param(
        0, "turn the picture clockwise by this angle", choices=(0, 90, 180, 270), unit="degrees"
    )
    mirror: bool = param(False, "show left and right exchanged")
    full_screen: bool = param(False, "fill the whole display")
    scale: str = param(
        "fit",
        "how the picture meets the window: fit (all of it, with bars) or fill (no bars, cropped)",
        choices=("fit", "fill"),
    )
    sound: bool = param(True, "play the sound on this machine")
    sound_device: str = param("", "part of the name of the sound output; empty is the default")
    clock: str = param(
        "wall",
        "what paces the frames: wall (the system clock) or sound (the sound output device)",
        choices=("wall", "sound"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_delay_ms > self.max_delay_ms:
            raise ValueError(
                f"ScreenConfig.min_delay_ms={self.min_delay_ms}: must not exceed max_delay_ms="
                f"{self.max_delay_ms}"
            )

    @property
    def timebase(self) -> Timebase:
        """The rates of the stream."""
        return Timebase(self.sample_rate_hz, self.fps)
