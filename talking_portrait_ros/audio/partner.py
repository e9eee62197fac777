"""The partner's track beside the own one: aligned by capture time, silence where it is missing.

The own track is the master clock. The partner's comes from another device, perhaps another host:
at any rate, with a clock of its own, in chunks of any length, late, with gaps, or never. It is
heard a little later than the own sound (`delay_ms`), so that every sample is there when it is
needed; how much later follows what arrives, slowly enough not to be heard.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from scipy.signal import lfilter

from talking_portrait_ros.audio.resample import Resampler, require_rate
from talking_portrait_ros.audio.source import SampleFifo
from talking_portrait_ros.chunks import F32, AudioChunk
from talking_portrait_ros.timebase import NS_PER_S, Timebase

NS_PER_MS = 1_000_000
JITTER_NS = 20 * NS_PER_MS  # a stamp that is off by less continues the stream
LONGEST_GAP_NS = NS_PER_S  # filled with silence; after a longer one the track begins anew
OTHER_CLOCK_NS = 250 * NS_PER_MS  # no device is so late: its stamps are of another clock
DRY_S = 0.5  # without a sample the track counts as absent
LONGEST_S = 2.0  # that may wait
FOLLOW = 0.05  # of a stamp's jitter that the track's own clock takes over
MARGIN_MS = (5.0, 25.0)  # least sound in reserve within `WATCHED_S`, and most
WATCHED_S = 3.0
STRETCH = 160  # one sample more or less in so many brings the reserve back
DC_POLE = 0.995  # 13 Hz at 16 kHz


@dataclass
class PartnerCounts:
    """What went on, in samples and events.

    Attributes:
        late_samples: silence that stood in for sound that had not come in time.
        dropped_samples: sound that came faster than it was heard.
        clipped_samples: beyond -1..1, cut to it.
        gaps: holes in the track, filled with silence.
        restarts: the track began anew after a longer hole or a jump.
        absences: it stopped coming.
    """

    late_samples: int = 0
    dropped_samples: int = 0
    clipped_samples: int = 0
    gaps: int = 0
    restarts: int = 0
    absences: int = 0


class PartnerTrack:
    """Chunks of the partner go in by `hear`, from any thread; `join` puts them beside the own.

    Attributes:
        counts: what went on.
        delay_ms: how much later than the own sound the partner's is heard.
        offset_ms: by how much the partner's clock is behind; 0 where it is the same clock.
    """

    def __init__(self, timebase: Timebase | None = None, delay_ms: float = 40.0) -> None:
        """A track of which nothing has been heard.

        Args:
            timebase: the rates of the graph.
            delay_ms: with which the track begins.
        """
        self.counts = PartnerCounts()
        self.delay_ms = delay_ms
        self.offset_ms = 0.0
        self._rate_hz = (timebase or Timebase()).sample_rate_hz
        self._first_delay_ns = int(delay_ms * NS_PER_MS)
        self._resampler = Resampler(self._rate_hz, self._rate_hz)
        self._fifo = SampleFifo()
        self._lock = Lock()
        self._is_known = False
        self._own_position = 0
        self._forget()

    @property
    def is_present(self) -> bool:
        """True while the partner's sound comes."""
        return self._end_ns is not None

    def hear(self, chunk: AudioChunk) -> None:
        """Take in a chunk of the partner.

        Raises:
            ValueError: a rate that is no rate of sound.
        """
        require_rate("partner: sample_rate_hz", chunk.sample_rate_hz)
        with self._lock:
            self._is_known = True
            if chunk.sample_rate_hz != self._resampler.from_hz:
                self._resampler = Resampler(chunk.sample_rate_hz, self._rate_hz)
            sound = self._without_dc(self._resampler.process(self._clipped(chunk.samples)))
            length_ns = len(chunk.samples) * NS_PER_S // chunk.sample_rate_hz
            self._continue(chunk.header.stamp_ns, length_ns)
            self._fifo.append(sound)
            excess = len(self._fifo) - int(LONGEST_S * self._rate_hz)
            if excess > 0:
                n_dropped = len(self._fifo.take(excess))
                self.counts.dropped_samples += n_dropped if self._is_aligned else 0

    def join(self, chunk: AudioChunk) -> AudioChunk:
        """A chunk of the own track with what the partner said meanwhile.

        As long as nobody was ever heard, the chunk comes back as it is.
        """
        with self._lock:
            if not self._is_known:
                return chunk
            if self._end_ns is None:
                return replace(chunk, partner=np.zeros(len(chunk.samples), np.float32))
            if not self._is_aligned or chunk.first_sample != self._own_position:
                self._align(chunk)
            self._own_position = chunk.first_sample + len(chunk.samples)
            partner = self._taken(len(chunk.samples))
            self._note_delay(chunk)
            return replace(chunk, partner=partner)

    def _forget(self) -> None:
        """Nothing waits, nothing is known of the time."""
        self._fifo.clear()
        self._end_ns: int | None = None  # capture time of the last sample's end, partner's clock
        self._is_aligned = False
        self._owed = 0  # silence still to be given before the first sample
        self._dry_samples = 0
        self._stood_in = 0  # silence given since the last sample that had come
        self._least: int | None = None  # reserve in the watched stretch
        self._watched = 0
        self._surplus = 0  # samples to be squeezed out (positive) or stretched in
        self._dc = np.zeros(1)

    def _clipped(self, samples: F32) -> F32:
        n_over = int(np.count_nonzero(np.abs(samples) > 1.0))
        self.counts.clipped_samples += n_over
        return samples.clip(-1.0, 1.0) if n_over else samples

    def _without_dc(self, samples: F32) -> F32:
        if not len(samples):
            return samples
        flat, self._dc = lfilter([1.0, -1.0], [1.0, -DC_POLE], samples, zi=self._dc)
        return np.asarray(flat, np.float32)

    def _continue(self, stamp_ns: int, length_ns: int) -> None:
        """Place a chunk in time: after the last one, after a hole, or anew."""
        if self._end_ns is None or not stamp_ns:
            self._end_ns = (self._end_ns or stamp_ns) + length_ns
            return
        gap_ns = stamp_ns - self._end_ns
        if not -JITTER_NS <= gap_ns <= LONGEST_GAP_NS:
            self.counts.restarts += 1
            self._forget()
            self._end_ns = stamp_ns + length_ns
        elif gap_ns > JITTER_NS:
            self.counts.gaps += 1
            n_missing = max(0, self._samples(gap_ns) - self._stood_in)
            self._fifo.append(np.zeros(n_missing, np.float32))
            self._end_ns = stamp_ns + length_ns
        else:
            self._end_ns += length_ns + int(FOLLOW * gap_ns)

    def _align(self, own: AudioChunk) -> None:
        """Find where to read on, from the stamps or, with another clock, from arrivals.

        At the beginning, and where the own track has jumped.
        """
        assert self._end_ns is not None
        self._is_aligned = True
        own_end_ns = own.header.stamp_ns + len(own.samples) * NS_PER_S // own.sample_rate_hz
        behind_ns = own_end_ns - self._end_ns
        self.offset_ms = behind_ns / NS_PER_MS if abs(behind_ns) > OTHER_CLOCK_NS else 0.0
        wanted_ns = own.header.stamp_ns - int(self.offset_ms * NS_PER_MS) - self._first_delay_ns
        ahead = self._samples(wanted_ns - self._next_ns())
        self._fifo.take(max(0, ahead))
        self._owed = max(0, -ahead)

    def _taken(self, n_samples: int) -> F32:
        """The next samples, [n]; silence where they have not come."""
        n_owed = min(self._owed, n_samples)
        self._owed -= n_owed
        n_read = n_samples - n_owed
        spare = int(np.clip(self._surplus, -(n_read // STRETCH), n_read // STRETCH))
        taken = self._fifo.take(n_read + spare)
        if len(taken) == n_read + spare:
            self._surplus -= spare
            taken = _stretched(taken, n_read) if spare else taken
        taken = taken[:n_read]
        n_late = n_read - len(taken)
        self.counts.late_samples += n_late
        self._stood_in = self._stood_in * (not len(taken)) + n_late
        self._watch(n_samples, n_late)
        before, after = np.zeros(n_owed, np.float32), np.zeros(n_late, np.float32)
        return np.concatenate([before, taken, after])

    def _watch(self, n_samples: int, n_late: int) -> None:
        """Count a dry spell; once in a while see whether the reserve is too small or too large."""
        self._dry_samples = self._dry_samples + n_late if n_late == n_samples else 0
        if self._dry_samples > DRY_S * self._rate_hz:
            self.counts.absences += 1
            self._forget()
            return
        reserve = len(self._fifo)
        self._least = reserve if self._least is None else min(self._least, reserve)
        self._watched += n_samples
        if self._watched < WATCHED_S * self._rate_hz:
            return
        low, high = (int(ms * self._rate_hz / 1000) for ms in MARGIN_MS)
        if not low <= self._least <= high:
            self._surplus = self._least - (low + high) // 2
        self._least, self._watched = None, 0

    def _note_delay(self, own: AudioChunk) -> None:
        if self._end_ns is not None and not self._owed:
            own_end_ns = own.header.stamp_ns + len(own.samples) * NS_PER_S // own.sample_rate_hz
            self.delay_ms = (own_end_ns - self._next_ns()) / NS_PER_MS - self.offset_ms

    def _next_ns(self) -> int:
        """Capture time of the sample that is read next, in the partner's clock."""
        assert self._end_ns is not None
        return self._end_ns - len(self._fifo) * NS_PER_S // self._rate_hz

    def _samples(self, ns: int) -> int:
        return ns * self._rate_hz // NS_PER_S


def _stretched(samples: F32, n_samples: int) -> F32:
    """The same sound in a few samples more or less, [n_samples]."""
    places = np.linspace(0, len(samples) - 1, n_samples)
    return np.asarray(np.interp(places, np.arange(len(samples)), samples), np.float32)
