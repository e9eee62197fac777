"""Who speaks when: the speech probability of frames, made into utterances."""

from __future__ import annotations

from talking_portrait_ros.chunks import FeatureChunk

SPEECH = 0.5
BEGIN_FRAMES = 2
END_FRAMES = 12
MAX_FRAMES = 500


class Utterances:
    """Hears features ahead of time; tells for the frame on the screen whether it is spoken.

    An utterance begins with two frames of speech in a row and ends after twelve (half a second)
    without.

    Attributes:
        count: utterances begun so far.
        speaking: whether the frame last asked for lies in one.
    """

    def __init__(self) -> None:
        """Silence."""
        self.count = 0
        self.speaking = False
        self._known: dict[tuple[int, int], float] = {}
        self._run = 0

    def hear(self, chunk: FeatureChunk) -> None:
        """Features, as they arrive."""
        for index, probability in enumerate(chunk.speech.tolist()):
            self._known[chunk.header.epoch, chunk.first_frame + index] = probability
        while len(self._known) > MAX_FRAMES:
            del self._known[next(iter(self._known))]

    def show(self, epoch: int, frame: int) -> bool:
        """`frame` is on the screen now; whether somebody speaks."""
        probability = self._known.pop((epoch, frame), None)
        if probability is not None:
            self._count(probability > SPEECH)
        return self.speaking

    def cut(self) -> None:
        """A flush ends the utterance."""
        self.speaking, self._run = False, 0

    def _count(self, is_speech: bool) -> None:
        """Count frames that contradict the present state."""
        self._run = self._run + 1 if is_speech != self.speaking else 0
        if self._run >= (END_FRAMES if self.speaking else BEGIN_FRAMES):
            self.speaking = not self.speaking
            self.count += self.speaking
            self._run = 0
