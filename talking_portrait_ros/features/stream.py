"""Where a session stands in its sound: what every stage with sound at its input keeps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from talking_portrait_ros.chunks import AudioChunk, Header
from talking_portrait_ros.stage import require_next
from talking_portrait_ros.timebase import Timebase


@dataclass
class SoundStream:
    """Position in the sound, and the media time of its frames.

    Attributes:
        next_sample: position after the last sample seen.
        header: header of the last chunk seen, and `header_sample` where that chunk began.
    """

    next_sample: int = 0
    header: Header = field(default_factory=Header)
    header_sample: int = 0

    def take(self, stage: str, chunk: AudioChunk, timebase: Timebase) -> None:
        """Move on by `chunk`.

        Raises:
            ValueError: wrong sample rate, or the chunk does not follow the last one.
        """
        if chunk.sample_rate_hz != timebase.sample_rate_hz:
            raise ValueError(
                f"{stage}: sample_rate_hz={chunk.sample_rate_hz}, expected "
                f"{timebase.sample_rate_hz}; resample the sound in the audio stage"
            )
        require_next(stage, "first_sample", self.next_sample, chunk.first_sample)
        self.header, self.header_sample = chunk.header, chunk.first_sample
        self.next_sample += len(chunk.samples)

    def header_of(self, frame: int, timebase: Timebase) -> Header:
        """The header of the last chunk, stamped with the media time of `frame`."""
        offset = timebase.first_sample_of(frame) - self.header_sample
        stamp_ns = self.header.stamp_ns + timebase.samples_to_ns(offset)
        return replace(self.header, stamp_ns=stamp_ns, end_of_stream=False)

    def missing(self, lookahead_samples: int, timebase: Timebase) -> int:
        """Samples of silence that complete the last frame and its lookahead."""
        n_frames = -(-self.next_sample // timebase.samples_per_frame)
        end = timebase.first_sample_of(n_frames) + lookahead_samples
        return max(0, end - self.next_sample)
