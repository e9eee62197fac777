"""Time is counted in integers: samples, frames, latent steps, blocks.

The audio sample clock is the master of the whole graph. A position in a stream is an integer
(`first_sample`, `first_frame`); seconds appear only at the border, as integer nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Timebase:
    """How samples, frames, latent steps and blocks divide one stretch of time.

    Attributes:
        sample_rate_hz: audio samples per second.
        fps: frames per second.
        frames_per_latent_step: frames that one latent step describes.
        latent_steps_per_block: latent steps that a generator makes at once.
    """

    sample_rate_hz: int = 16_000
    fps: int = 25
    frames_per_latent_step: int = 1
    latent_steps_per_block: int = 1

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"Timebase.{name}={value!r}: must be a positive integer")
        if self.sample_rate_hz % self.fps:
            raise ValueError(
                f"Timebase.fps={self.fps}: does not divide sample_rate_hz="
                f"{self.sample_rate_hz}; choose a frame rate that does, e.g. 20, 25, 40 or 50"
            )

    @property
    def samples_per_frame(self) -> int:
        """Audio samples under one frame (640 at 16 kHz and 25 fps)."""
        return self.sample_rate_hz // self.fps

    @property
    def frames_per_block(self) -> int:
        """Frames in one generated block."""
        return self.frames_per_latent_step * self.latent_steps_per_block

    @property
    def frame_ns(self) -> int:
        """Duration of one frame, nanoseconds (exact for the rates that Timebase admits)."""
        return NS_PER_S // self.fps

    def samples_to_ns(self, n_samples: int) -> int:
        """Duration of `n_samples`, nanoseconds, rounded down."""
        return n_samples * NS_PER_S // self.sample_rate_hz

    def ms_to_samples(self, ms: float) -> int:
        """Samples in `ms` milliseconds.

        Raises:
            ValueError: `ms` is not a whole number of samples.
        """
        samples = ms * self.sample_rate_hz / 1000
        if samples != int(samples):
            raise ValueError(
                f"{ms} ms is {samples} samples at {self.sample_rate_hz} Hz, which is not whole"
            )
        return int(samples)

    def first_sample_of(self, frame: int) -> int:
        """Index of the first audio sample under `frame`."""
        return frame * self.samples_per_frame

    def complete_frames(self, n_samples: int) -> int:
        """Frames whose samples are all among the first `n_samples`."""
        return n_samples // self.samples_per_frame
