"""When a stage steps down to cheaper work, and when it steps up again.

A stage that needs more than its budget falls behind without end: the queue grows, is dropped, and
grows again. Stepping down in time costs some smoothness and keeps the pace. Whether a step up
will hold is predicted from what the work costs now and from the declared costs of the rungs; one
that did not hold makes the next one wait twice as long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from talking_portrait_ros.stage import Rung

WINDOW_MS = 320.0  # of the stream, over which the work is averaged
LEAST_MS = 120.0  # that have to be known before a step down
WHOLE_MS = 320.0  # a chunk of this length is an average in itself
WAITING_MS = 40.0  # of the stream: where less waits, the stage has kept up all the same
BACKLOG_MS = 120.0  # of the stream, waiting beside the chunk in work
DRAINING = 0.6  # load at which a backlog goes away by itself
SPARE = 0.8  # share of the budget that the work of the rung above must stay below
PATIENCE_MS = 480.0  # of the stream, in which a step up must look possible all the time
MOST_PATIENCE_MS = 960.0  # after steps that did not hold; two of them take less than 2 s
SETTLED_MS = 5_000.0  # a rung that has held so long makes the next step up quick again


class Ladder:
    """Follows work and backlog, chunk by chunk.

    Attributes:
        rung: index of the present rung; 0 is the best.
        reason: why it is not 0, one line.
    """

    def __init__(self, rungs: Sequence[Rung], budget: float) -> None:
        """Start on the best rung.

        Args:
            rungs: what there is, the best first.
            budget: share of the time that the work may take.
        """
        self.rung = 0
        self.reason = ""
        self._rungs = list(rungs)
        self._budget = budget
        self._recent: deque[tuple[float, float]] = deque()
        self._calm_ms = 0.0
        self._held_ms = 0.0
        self._rose = False  # the last change was a step up
        self._patience_ms = PATIENCE_MS

    @property
    def name(self) -> str:
        """What the present rung does."""
        return self._rungs[self.rung].name

    def spent(self, work_ms: float, stream_ms: float, waiting_ms: float) -> bool:
        """A chunk is done; whether the rung is another one now.

        Args:
            work_ms: that it took.
            stream_ms: stretch of the stream that it covers.
            waiting_ms: stretch of the stream that has come meanwhile and waits.
        """
        self._recent.append((work_ms, stream_ms))
        while sum(s for _, s in self._recent) - self._recent[0][1] >= WINDOW_MS:
            self._recent.popleft()
        self._held_ms += stream_ms
        if self._rose and self._held_ms >= SETTLED_MS:
            self._rose, self._patience_ms = False, PATIENCE_MS
        late = waiting_ms > BACKLOG_MS + stream_ms and self._load() > DRAINING
        if self._is_too_much(late, waiting_ms):
            self._calm_ms = 0.0
            return self.rung + 1 < len(self._rungs) and self._step_down(late, waiting_ms)
        self._calm_ms = self._calm_ms + stream_ms if self._may_rise(late) else 0.0
        return self._calm_ms >= self._patience_ms and self._step_up()

    def _load(self) -> float:
        """Work per stretch of the stream. A single stray chunk is no load: it is left out."""
        work = [work_ms for work_ms, _ in self._recent]
        stream_ms = sum(stream_ms for _, stream_ms in self._recent)
        longest_ms = max((stream_ms for _, stream_ms in self._recent), default=0.0)
        rest_ms = stream_ms - longest_ms
        if longest_ms >= WHOLE_MS or rest_ms <= 0.0:
            return sum(work) / max(1e-9, stream_ms)
        return (sum(work) - max(work)) / rest_ms

    def _is_too_much(self, late: bool, waiting_ms: float) -> bool:
        lengths = [stream_ms for _, stream_ms in self._recent]
        is_known = sum(lengths) >= LEAST_MS and (len(lengths) > 1 or lengths[0] >= WHOLE_MS)
        over = self._load() > self._budget and waiting_ms >= WAITING_MS
        return is_known and (late or over)

    def _may_rise(self, late: bool) -> bool:
        """Whether the rung above would leave something of the budget."""
        if not self.rung or late:
            return False
        above, here = self._rungs[self.rung - 1], self._rungs[self.rung]
        return self._load() * above.cost / here.cost < SPARE * self._budget

    def _step_down(self, late: bool, waiting_ms: float) -> bool:
        if self._rose:
            self._patience_ms = min(2 * self._patience_ms, MOST_PATIENCE_MS)
        load, self._rose = self._load(), False
        self._change(self.rung + 1)
        why = f"{waiting_ms:.0f} ms wait" if late else f"work took {100 * load:.0f} % of the time"
        self.reason = f"{self.name}: {why}"
        return True

    def _step_up(self) -> bool:
        self._rose = True
        self._change(self.rung - 1)
        self.reason = f"{self.name}: on the way up" if self.rung else ""
        return True

    def _change(self, rung: int) -> None:
        self.rung = rung
        self._recent.clear()
        self._calm_ms = self._held_ms = 0.0
