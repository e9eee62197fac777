"""Text to sound with phoneme times: the voice of `run --say` and of the training corpus.

The work is done by espeak-ng in a process of its own (`espeak_process`), because its licence
(GPL) must not reach into this one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

import numpy as np

from talking_portrait_ros.chunks import F32

SPEED_WPM = (80, 450)
PITCH = (0, 99)


@dataclass(frozen=True)
class Phoneme:
    """One sound of speech: IPA symbol ("" in a pause) from `start_s` to `end_s`, seconds."""

    start_s: float
    end_s: float
    ipa: str


@dataclass(frozen=True)
class Utterance:
    """Spoken text: float32 mono `samples` [n] in -1..1 and what is said when."""

    samples: F32  # [n]
    sample_rate_hz: int
    phonemes: tuple[Phoneme, ...]


@dataclass(frozen=True)
class SpeechRequest:
    """What to say and how.

    Attributes:
        text: what is said.
        voice: a voice of espeak-ng, "en-us", "de", with a variant "en-us+f3".
        speed_wpm: words per minute, 80 to 450.
        pitch: 0 to 99.
        pitch_range: liveliness of the melody, 0 to 99.
    """

    text: str
    voice: str = "en-us"
    speed_wpm: int = 170
    pitch: int = 50
    pitch_range: int = 50

    def __post_init__(self) -> None:
        if not any(character.isalnum() for character in self.text):
            raise ValueError(f"text={self.text!r}: there is nothing to say; give some words")
        for name, (low, high) in (
            ("speed_wpm", SPEED_WPM),
            ("pitch", PITCH),
            ("pitch_range", PITCH),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name}={getattr(self, name)!r}: must be within {low} to {high}")


def synthesise(
    text: str, voice: str = "en-us", speed_wpm: int = 170, pitch: int = 50
) -> Utterance:
    """`text` as sound with phoneme times.

    Args:
        text: what is said.
        voice: a voice of espeak-ng.
        speed_wpm: words per minute, 80 to 450.
        pitch: 0 to 99.

    Raises:
        ValueError: no text, unknown voice, value out of range, or espeak-ng is not installed.
    """
    return next(synthesise_all([SpeechRequest(text, voice, speed_wpm, pitch)]))


def synthesise_all(requests: Sequence[SpeechRequest]) -> Iterator[Utterance]:
    """The utterances of many requests, in order, from one espeak-ng process.

    Raises:
        ValueError: as `synthesise`.
    """
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "talking_portrait_ros.audio.espeak_process"]
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            for request in requests:
                process.stdin.write(json.dumps(asdict(request)).encode() + b"\n")
                process.stdin.flush()
                yield _read_utterance(cast(BufferedReader, process.stdout))
        except BrokenPipeError:  # it said why before it ended
            yield _read_utterance(cast(BufferedReader, process.stdout))
        finally:
            process.kill()


def _read_utterance(pipe: BufferedReader) -> Utterance:
    line = pipe.readline()
    if not line:
        raise ValueError("espeak-ng stopped without an answer; try another text or voice")
    reply: dict[str, Any] = json.loads(line)
    if "error" in reply:
        raise ValueError(f"speech: {reply['error']}")
    n_samples, rate = reply["n_samples"], reply["sample_rate_hz"]
    sound = np.frombuffer(pipe.read(2 * n_samples), np.int16)  # [n]
    starts = [first for first, _ in reply["phonemes"]] + [n_samples]
    phonemes = tuple(
        Phoneme(start / rate, end / rate, ipa)
        for (start, ipa), end in zip(reply["phonemes"], starts[1:], strict=True)
        if end > start
    )
    return Utterance(sound.astype(np.float32) / np.float32(32768), rate, phonemes)
