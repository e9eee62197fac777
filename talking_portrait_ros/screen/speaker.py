"""The sound output, through PortAudio (PyAudio)."""

from __future__ import annotations

from threading import Condition
from typing import Any

import numpy as np

from talking_portrait_ros.audio.port_audio import choose_device, port_audio
from talking_portrait_ros.audio.resample import Resampler
from talking_portrait_ros.audio.source import SampleFifo
from talking_portrait_ros.chunks import F32
from talking_portrait_ros.quiet import quiet_stderr
from talking_portrait_ros.screen.sound import fade_out

BLOCK_MS = 10
RESERVE_MS = 30
FULL_MS = 250
PULL = 0.005  # of the pitch, for an error as long as the reserve
MAX_PULL = 0.01
LEAST_PIECE = 64


class OutputQueue:
    """What a sound device plays next: a short reserve, held at its length.

    The device's clock and the clock of the frames differ a little, and the screen changes its
    delay by the way. While the reserve is half as long or as short again, each piece is made
    shorter or longer, the more so the larger the error is, by 1 % of pitch at most. When it runs
    dry, silence restores it; beyond 250 ms the oldest samples go, so that sound never lags behind
    the lips.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        """An empty queue; playing starts with the reserve."""
        self.dropped_samples = 0
        self.underruns = 0
        self.reserve_samples = sample_rate_hz * RESERVE_MS // 1000
        self._full_samples = sample_rate_hz * FULL_MS // 1000
        self._fifo = SampleFifo()
        self._fifo.append(np.zeros(self.reserve_samples, np.float32))
        self._changed = Condition()

    def __len__(self) -> int:
        return len(self._fifo)

    def write(self, samples: F32) -> None:
        """Play `samples` [n] after what waits."""
        with self._changed:
            error = len(self._fifo) - self.reserve_samples
            if abs(error) * 2 > self.reserve_samples and len(samples) > LEAST_PIECE:
                pull = min(PULL * abs(error) / self.reserve_samples, MAX_PULL)
                change = max(1, round(len(samples) * pull))
                samples = _resized(samples, len(samples) - int(np.sign(error)) * change)
            self._fifo.append(samples)
            excess = len(self._fifo) - self._full_samples
            if excess > 0:
                self.dropped_samples += len(self._fifo.take(excess))

    def pull(self, n_samples: int) -> F32:
        """The next samples for the device, [n_samples]."""
        with self._changed:
            taken = self._fifo.take(n_samples)
            if len(taken) < n_samples:
                self.underruns += 1
                silence = np.zeros(n_samples - len(taken) + self.reserve_samples, np.float32)
                self._fifo.append(silence)
                taken = np.concatenate([taken, self._fifo.take(n_samples - len(taken))])
            self._changed.notify_all()
            return taken

    def cut(self) -> None:
        """What waits dies away within 5 ms; silence fills the reserve."""
        with self._changed:
            waiting = self._fifo.take(len(self._fifo))
            self._fifo.append(fade_out(waiting, self.reserve_samples))

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait until no more than the reserve is left; False after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(
                lambda: len(self._fifo) <= self.reserve_samples, timeout_s
            )


class Speaker:
    """A sound output that plays mono sound at the stream's rate."""

    def __init__(self, device: int | str = "", sample_rate_hz: int = 16_000) -> None:
        """Open an output and start it.

        Args:
            device: index, a part of the name, or "" for the default output.
            sample_rate_hz: rate of what is written.

        Raises:
            ValueError: no such output (lists those there are), or it cannot be opened.
            RuntimeError: PyAudio is not installed; names the packages.
        """
        self._rate_hz = sample_rate_hz
        self._audio = port_audio()
        try:
            self.device = choose_device(self._audio, "output", device)
            self._device_hz = self._usable_rate()
            self._resampler = Resampler(sample_rate_hz, self._device_hz)
            self.queue = OutputQueue(self._device_hz)
            self._stream = self._started()
        except Exception:
            self._audio.terminate()
            raise

    @property
    def latency_samples(self) -> int:
        """From `write` to the air, at the stream's rate, as far as the device tells."""
        device_s = float(self._stream.get_output_latency())
        reserve_s = self.queue.reserve_samples / self._device_hz
        return round((device_s + reserve_s) * self._rate_hz)

    def write(self, samples: F32) -> None:
        """Play `samples` [n] after what waits."""
        self.queue.write(self._resampler.process(samples))

    def cut(self) -> None:
        """Stop what is being said, within 5 ms beyond the device's own delay."""
        self.queue.cut()

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait until the device wants more; False after `timeout_s`."""
        return self.queue.wait_for_room(timeout_s)

    def close(self) -> None:
        """Give the device back."""
        self._stream.close()
        self._audio.terminate()

    def _usable_rate(self) -> int:
        """The stream's rate where the device takes it, else its own."""
        import pyaudio

        try:
            self._audio.is_format_supported(
                self._rate_hz,
                output_device=self.device.index,
                output_channels=1,
                output_format=pyaudio.paInt16,
            )
        except ValueError:
            return self.device.sample_rate_hz
        return self._rate_hz

    def _started(self) -> Any:
        import pyaudio

        try:
            with quiet_stderr():
                stream = self._audio.open(
                    rate=self._device_hz,
                    channels=1,
                    format=pyaudio.paInt16,
                    output=True,
                    output_device_index=self.device.index,
                    frames_per_buffer=self._device_hz * BLOCK_MS // 1000,
                    stream_callback=self._wanted,
                    start=False,
                )
                stream.start_stream()
                return stream
        except OSError as error:
            raise ValueError(
                f"sound output {self.device.name!r} cannot be opened ({error}); is another "
                "program using it?"
            ) from None

    def _wanted(self, _data: Any, n_samples: int, _times: Any, _status: int) -> tuple[bytes, int]:
        """PortAudio's thread: the next samples as int16."""
        import pyaudio

        samples = np.clip(self.queue.pull(n_samples), -1, 1) * 32767
        return samples.astype(np.int16).tobytes(), pyaudio.paContinue


def _resized(samples: F32, n_samples: int) -> F32:
    """`samples` stretched evenly to [n_samples]."""
    at = np.linspace(0, len(samples) - 1, n_samples)
    out: F32 = np.interp(at, np.arange(len(samples)), samples).astype(np.float32)
    return out
