"""What is seen and heard in each frame period: the presentation clock, without any I/O.

The screen lives by a grid of frame periods. In each period one frame is expected, by its index;
it is due when its last sample has been captured and the playout delay has passed, and with it
begins the sound that it covers. The grid is laid by the first frame that arrives and then bends
with the delay: to grow, periods are inserted or stretched, to shrink, they are shortened by a few
milliseconds; picture and sound always together.

Where the expected frame is not there, it has a few milliseconds of grace, in which it is shown as
soon as it comes. Then the period passes all the same and the sound goes on: the screen shows a
blend of the neighbours if the next frame has already come, else the newest frame that came too
late, else the last one again, and after two such periods the face at rest.

A flush voids lower epochs: the sound dies away within 5 ms, the face goes to rest within two
periods, and fades into the first frame of the new epoch.
"""

from __future__ import annotations

import numpy as np

from talking_portrait_ros.chunks import F32, AudioChunk, FrameChunk, Header
from talking_portrait_ros.screen.config import ScreenConfig
from talking_portrait_ros.screen.delay import PlayoutDelay
from talking_portrait_ros.screen.jitter import JUMP_NS, LATE_FRAMES, JitterBuffer, Waiting
from talking_portrait_ros.screen.picture import Picture
from talking_portrait_ros.screen.presented import Kind, Presented, ScreenCounts
from talking_portrait_ros.screen.sound import SoundBuffer, fade_in, fade_out, is_quiet, stretched
from talking_portrait_ros.timebase import NS_PER_S

NS_PER_MS = 1_000_000
STALL_NS = 2 * NS_PER_S
SOUND_MARGIN_MS = 2000


class Presenter:
    """Jitter buffer, sound buffer and the grid of periods. Not locked; `player.Player` is.

    Attributes:
        config: timing in force.
        counts: what happened in the session.
        next_due_ns: when the next period begins; None before the first frame and after the last.
    """

    def __init__(self, config: ScreenConfig | None = None) -> None:
        """Nothing is presented before the first frame."""
        self.config = config or ScreenConfig()
        self.counts = ScreenCounts()
        self.next_due_ns: int | None = None
        self._sound_lead_samples = 0
        self._timebase = self.config.timebase
        self._delay = PlayoutDelay(self.config)
        self._grace_ns = int(self.config.grace_ms * NS_PER_MS)
        self._buffer = JitterBuffer(self._timebase, self.config.max_delay_ms)
        self._sound = SoundBuffer(self._sound_bound)
        self._picture: Picture | None = None
        self._epoch = 0
        self._newest_ns: int | None = None
        self._expected: int | None = None
        self._last: int | None = None
        self._insert_ns = 0
        self._settling = False  # between a break in the stream and its next own frame
        self._tail: F32 | None = None  # the sound that a break cuts off
        self._silent = False

    def set_bounds(self, config: ScreenConfig) -> None:
        """Keep to the least and the largest delay of `config` from now on."""
        self.config = config
        self._delay.set_bounds(config)
        self._buffer.make_room(config.max_delay_ms)
        self._sound.max_samples = self._sound_bound

    @property
    def epoch(self) -> int:
        """The epoch that is shown; frames and sound of lower ones are void."""
        return self._epoch

    @property
    def delay_ms(self) -> float:
        """The playout delay in force; 0 before the first frame."""
        known = self.next_due_ns is not None and self._expected is not None
        return self._in_force_ns() / NS_PER_MS if known else 0.0

    @property
    def missing_sound_samples(self) -> int:
        """Samples under shown frames that never came."""
        return self._sound.missing_samples

    @property
    def finished(self) -> bool:
        """True once the last frame of the stream has had its period."""
        return self._last is not None and (self._expected is None or self._expected > self._last)

    def lead_sound(self, n_samples: int) -> None:
        """Let `played` run ahead of the picture, to make up for the delay of a sound device.

        Sound can only be early if the picture waits for it to be captured: the playout delay
        becomes at least that long, and a frame more for the way of the sound to the screen.
        """
        self._sound_lead_samples = n_samples
        self._delay.require(self._timebase.samples_to_ns(n_samples) + self._timebase.frame_ns)

    def push_sound(self, chunk: AudioChunk) -> None:
        """Sound, as it leaves the audio stage.

        Raises:
            ValueError: the rate is not the screen's.
        """
        if chunk.sample_rate_hz != self._timebase.sample_rate_hz:
            raise ValueError(
                f"screen: sound at {chunk.sample_rate_hz} Hz, expected "
                f"{self._timebase.sample_rate_hz}; set sample_rate_hz to the stream's"
            )
        if self._admits(chunk.header):
            self._sound.push(chunk)

    def push_frames(self, chunk: FrameChunk, now_ns: int) -> None:
        """Frames that arrived at `now_ns`."""
        if not self._admits(chunk.header):
            self.counts.void_dropped += len(chunk.frames)
            return
        if self.finished and len(chunk.frames):
            captured_ns = chunk.header.stamp_ns + self._timebase.frame_ns
            apart_ns = abs(self._buffer.capture_ns(chunk.first_frame) - captured_ns)
            if chunk.first_frame <= (self._last or 0) and apart_ns <= JUMP_NS:
                self.counts.late_dropped += len(chunk.frames)  # the end has overtaken them
                return
            self._break()
            self.next_due_ns = None
        for offset, image in enumerate(chunk.frames):
            header = chunk.header.at(chunk.header.stamp_ns + offset * self._timebase.frame_ns)
            self._arrived(chunk.first_frame + offset, Waiting(image, header, now_ns))
        if chunk.header.end_of_stream:
            self._last = chunk.first_frame + len(chunk.frames) - 1
            self.next_due_ns = None if self.finished else self.next_due_ns

    def flush(self, epoch: int) -> None:
        """Make everything of other epochs void."""
        if epoch != self._epoch:
            self._epoch, self._newest_ns = epoch, None
            self.counts.flushes += 1
            self._break()
            self._sound.clear()

    def tick(self, now_ns: int) -> list[Presented]:
        """The periods that have begun by `now_ns`: none, one, or several after a stall."""
        if self.next_due_ns is not None and now_ns - self.next_due_ns > STALL_NS:
            self._break()
            self.next_due_ns = now_ns if self._picture else None
        periods: list[Presented] = []
        while self.next_due_ns is not None and (self.wake_ns or 0) <= now_ns:
            periods.append(self._period(self.next_due_ns, now_ns))
        return periods

    @property
    def wake_ns(self) -> int | None:
        """When `tick` has something to do if nothing arrives before; None as `next_due_ns`.

        A period begins late where its frame is not there and no later one has overtaken it.
        """
        due_ns, expected = self.next_due_ns, self._expected
        if due_ns is None or expected is None or self._stands:
            return due_ns
        near = (self._buffer.peek(expected + ahead) for ahead in (0, 1))
        return due_ns if any(near) else due_ns + self._grace_ns

    def play(self, now_ns: int) -> Presented | None:
        """One period, begun now: for a screen that a sound device paces."""
        if self.next_due_ns is None:
            return None
        self.next_due_ns = now_ns
        return self._period(now_ns, now_ns)

    def _admits(self, header: Header) -> bool:
        """False for a void epoch; a higher one flushes.

        A lower epoch is no late message but a source that was started anew, if it was captured
        well after everything seen so far.
        """
        newest_ns = self._newest_ns
        anew = newest_ns is not None and header.stamp_ns > newest_ns + 2 * JUMP_NS
        if header.epoch > self._epoch or (header.epoch < self._epoch and anew):
            self.flush(header.epoch)
        if header.epoch != self._epoch:
            return False
        self._newest_ns = max(newest_ns or 0, header.stamp_ns)
        return True

    def _break(self) -> None:
        """The stream ends here: its frames go; the grid, the picture and the delay stay."""
        if self._expected is not None and self.next_due_ns is not None:
            self._tail = self._sound.at(self._led_sample(), self._timebase.samples_per_frame)
        self._buffer.clear()
        self._expected = self._last = None
        self._insert_ns = 0
        self._settling = True
        if self._picture is not None:
            self._picture.new_stream()

    def _led_sample(self) -> int:
        """Position of the sound that a device gets with the expected frame."""
        first = (self._expected or 0) * self._timebase.samples_per_frame
        return first + self._sound_lead_samples

    def _in_force_ns(self) -> int:
        """The delay that the expected frame gets."""
        return (self.next_due_ns or 0) - self._buffer.capture_ns(self._expected or 0)

    def _arrived(self, frame: int, waiting: Waiting) -> None:
        if not self._buffer.place(frame, waiting):
            self._break()
            self._buffer.place(frame, waiting)
        captured_ns = self._buffer.capture_ns(frame)
        late = self._expected is not None and frame < self._expected
        self._delay.arrived(waiting.arrived_ns - captured_ns, late)
        self._picture = self._picture or Picture(waiting)
        if self._expected is None:
            self._begin(frame, max(captured_ns + self._delay.target_ns, waiting.arrived_ns))
        self._keep(frame, waiting)
        if not self._settling and self.next_due_ns is not None:
            self._insert_ns += self._delay.growth_ns(self._in_force_ns() + self._insert_ns)

    def _begin(self, frame: int, due_ns: int) -> None:
        """Find the period for the first frame of a stream: on the grid, if there is one."""
        if self.next_due_ns is None:
            self.next_due_ns = due_ns
        self._expected = frame
        self._insert_ns = max(0, due_ns - self.next_due_ns)

    def _keep(self, frame: int, waiting: Waiting) -> None:
        assert self._expected is not None and self._picture is not None
        if frame >= self._expected:
            self.counts.overflow_dropped += self._buffer.keep(frame, waiting)
            return
        self.counts.late_dropped += 1
        is_of_use = self._expected - frame <= LATE_FRAMES or self._picture.lacks_frames
        if is_of_use and frame > self._picture.frame:
            self._buffer.keep_late(frame, waiting)

    @property
    def _stands(self) -> bool:
        """True where the next period is none of the stream."""
        return self._expected is None or self._insert_ns * 2 >= self._timebase.frame_ns

    def _period(self, due_ns: int, now_ns: int) -> Presented:
        stands = self._stands
        period = self._standing(due_ns) if stands else self._moving(due_ns, now_ns)
        self.counts.periods[period.kind] += 1
        self.counts.stalled += period.kind == "own" and not period.on_time
        self._settling = self._settling and period.kind != "own"
        ended = self.finished and not stands
        length_ns = self._timebase.samples_to_ns(len(period.played))
        self.next_due_ns = None if ended else due_ns + length_ns
        return period

    def _standing(self, due_ns: int) -> Presented:
        """A period in which the stream stands still: the delay grows, or a flush has come."""
        assert self._picture is not None
        self._picture.pause()
        kind: Kind = "eased" if self._settling else "inserted"
        if self._settling:
            self._picture.relax()
        cut, played = self._tail is not None, self._played_standing()
        image, header = self._picture.image(), Header(due_ns, epoch=self._epoch)
        return Presented(kind, image, header, None, due_ns, due_ns, False, None, played, cut)

    def _moving(self, due_ns: int, now_ns: int) -> Presented:
        """A period of the stream."""
        assert self._expected is not None and self._picture is not None
        frame = self._expected
        kind = self._picture.draw(frame, self._buffer)
        on_time = kind == "own" and now_ns - due_ns < self._timebase.frame_ns
        captured_ns = self._buffer.capture_ns(frame)
        wait_ms = max(0, now_ns - self._picture.arrived_ns) / NS_PER_MS
        header = Header(
            captured_ns - self._timebase.frame_ns, self._epoch,
            self._picture.ledger.spend("screen", wait_ms), frame == self._last,
        )  # fmt: skip
        sound = self._matched(frame, header)
        if kind == "own":
            self._picture.heard(sound.samples)
        cut, played = self._tail is not None, self._played_moving(now_ns)
        self._expected = frame + 1
        return Presented(
            kind, self._picture.image(), header, frame, captured_ns, due_ns, on_time,
            sound, played, cut,
        )  # fmt: skip

    def _matched(self, frame: int, header: Header) -> AudioChunk:
        """Exactly the sound under `frame`."""
        n_samples = self._timebase.samples_per_frame
        first = frame * n_samples
        self._sound.missing_samples += self._sound.missing(first, n_samples)
        plain = Header(header.stamp_ns, header.epoch, end_of_stream=header.end_of_stream)
        samples = self._sound.at(first, n_samples)
        return AudioChunk(plain, samples, self._timebase.sample_rate_hz, first)

    def _played_standing(self) -> F32:
        """Silence for a device, after what was heard has died away; its length is the period's."""
        length_ns = self._timebase.frame_ns
        if 0 < self._insert_ns < length_ns + length_ns // 2:
            length_ns = self._insert_ns
        self._insert_ns = max(0, self._insert_ns - length_ns)
        n_samples = self._samples(length_ns)
        heard: F32 = np.zeros(0, np.float32)
        if self._tail is not None:
            heard = self._tail
        elif not self._silent and self._expected is not None:
            heard = self._sound.at(self._led_sample(), n_samples)
        self._tail, self._silent = None, True
        return fade_out(heard, n_samples)

    def _played_moving(self, now_ns: int) -> F32:
        """The sound for a device, stretched or shortened as the delay asks."""
        n_samples, change_ns = self._timebase.samples_per_frame, self._insert_ns
        samples = self._sound.at(self._led_sample(), n_samples)
        if self._silent or self._tail is not None:
            samples = fade_in(samples)
        self._tail, self._silent, self._insert_ns = None, False, 0
        if not change_ns and not self._settling:
            less_ns = self._delay.shrink_ns(self._in_force_ns(), now_ns, is_quiet(samples))
            change_ns = -min(less_ns, self._timebase.frame_ns // 4)
        return stretched(samples, n_samples + self._samples(change_ns))

    @property
    def _sound_bound(self) -> int:
        bound_ms = self.config.max_delay_ms + SOUND_MARGIN_MS
        return int(bound_ms * self._timebase.sample_rate_hz / 1000)

    def _samples(self, ns: int) -> int:
        return round(ns * self._timebase.sample_rate_hz / NS_PER_S)
