"""The microphone, through PortAudio (PyAudio)."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np

from talking_portrait_ros.audio.port_audio import choose_device, port_audio
from talking_portrait_ros.audio.resample import Resampler, mono_float
from talking_portrait_ros.audio.source import SampleFifo
from talking_portrait_ros.chunks import F32
from talking_portrait_ros.quiet import quiet_stderr

BLOCK_MS = 10


class MicSource:
    """A sound input, mono at the wanted rate, whatever rate the device runs at.

    At most `max_seconds` wait to be read. Beyond that the oldest are dropped, and counted in
    `lost_samples` (at the device's rate): of a live voice the newest matters.
    """

    self_paced = True
    exhausted = False

    def __init__(
        self, device: int | str = "", sample_rate_hz: int = 16_000, max_seconds: float = 2.0
    ) -> None:
        """Open an input and begin to listen.

        Args:
            device: index, a part of the name, or "" for the default input.
            sample_rate_hz: the rate that `read` gives.
            max_seconds: how much may wait to be read.

        Raises:
            ValueError: no such input (lists those there are), or it cannot be opened.
            RuntimeError: PyAudio is not installed; names the packages.
        """
        self.lost_samples = 0
        self.device_overflows = 0
        self._fifo = SampleFifo()
        self._lock = Lock()
        self._audio = port_audio()
        try:
            self.device = choose_device(self._audio, "input", device)
            self._max_samples = int(max_seconds * self.device.sample_rate_hz)
            self._resampler = Resampler(self.device.sample_rate_hz, sample_rate_hz)
            self._n_channels = self._usable_channels()
            self._stream = self._started()
        except Exception:
            self._audio.terminate()
            raise

    @property
    def latency_ns(self) -> int:
        """What the device says about its own delay."""
        return int(self._stream.get_input_latency() * 1e9)

    def read(self, n_samples: int) -> F32:
        """What has been captured and not been read yet, [<= n_samples]."""
        ratio = self.device.sample_rate_hz / self._resampler.to_hz
        with self._lock:
            raw = self._fifo.take(int(n_samples * ratio))
        return self._resampler.process(raw)

    def clear(self) -> None:
        """Drop what waits."""
        with self._lock:
            self._fifo.clear()

    def close(self) -> None:
        """Stop listening and give the device back."""
        self._stream.close()
        self._audio.terminate()

    def _usable_channels(self) -> int:
        import pyaudio

        for n_channels in (1, 2):
            try:
                self._audio.is_format_supported(
                    self.device.sample_rate_hz,
                    input_device=self.device.index,
                    input_channels=n_channels,
                    input_format=pyaudio.paInt16,
                )
                return n_channels
            except ValueError:
                continue
        raise ValueError(
            f"sound input {self.device.name!r} gives neither mono nor stereo 16-bit sound at "
            f"{self.device.sample_rate_hz} Hz; choose another input"
        )

    def _started(self) -> Any:
        import pyaudio

        try:
            with quiet_stderr():
                stream = self._audio.open(
                    rate=self.device.sample_rate_hz,
                    channels=self._n_channels,
                    format=pyaudio.paInt16,
                    input=True,
                    input_device_index=self.device.index,
                    frames_per_buffer=self.device.sample_rate_hz * BLOCK_MS // 1000,
                    stream_callback=self._captured,
                    start=False,
                )
                stream.start_stream()
                return stream
        except OSError as error:
            raise ValueError(
                f"sound input {self.device.name!r} cannot be opened ({error}); is another program "
                "using it?"
            ) from None

    def _captured(self, data: bytes, _n: int, _times: Any, status: int) -> tuple[None, int]:
        """PortAudio's thread: keep the samples, and nothing else."""
        import pyaudio

        samples = mono_float(np.frombuffer(data, np.int16), self._n_channels)
        with self._lock:
            self.device_overflows += bool(status & pyaudio.paInputOverflow)
            self._fifo.append(samples)
            excess = len(self._fifo) - self._max_samples
            if excess > 0:
                self.lost_samples += len(self._fifo.take(excess))
        return None, pyaudio.paContinue
