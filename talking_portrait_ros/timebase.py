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
        first_step_alone: the first latent step of a session describes a single frame, as causal
            video encoders have it: with four frames per step the steps end after 1, 5, 9, ...
            frames.
    """

    sample_rate_hz: int = 16_000
    fps: int = 25
    frames_per_latent_step: int = 1
    latent_steps_per_block: int = 1
    first_step_alone: bool = False

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name == "first_step_alone":
                continue
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
        """Frames in one generated block; the first of a session may be shorter."""
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

    def frames_of_steps(self, n_steps: int) -> int:
        """Frames that the first `n_steps` latent steps of a session describe."""
        missing = self.frames_per_latent_step - 1 if self.first_step_alone and n_steps else 0
        return n_steps * self.frames_per_latent_step - missing

    def steps_of_frames(self, n_frames: int) -> int:
        """Latent steps that describe the first `n_frames` frames; the last one maybe more."""
        missing = self.frames_per_latent_step - 1 if self.first_step_alone and n_frames else 0
        return -(-(n_frames + missing) // self.frames_per_latent_step)

    def complete_blocks(self, n_frames: int) -> int:
        """Frames, among the first `n_frames`, whose block is complete."""
        n_steps = self.steps_of_frames(n_frames + 1) - 1
        return self.frames_of_steps(n_steps - n_steps % self.latent_steps_per_block)

    def block_end(self, frame: int) -> int:
        """The frame after the last one of the block that `frame` lies in."""
        n_blocks = -(-self.steps_of_frames(frame + 1) // self.latent_steps_per_block)
        return self.frames_of_steps(n_blocks * self.latent_steps_per_block)
