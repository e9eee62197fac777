"""Where the sound of a run comes from, as the command line says it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Sound:
    """Where the sound comes from: a source of the audio node and its parameters."""

    source: str
    parameters: dict[str, Any]

    @property
    def ends(self) -> bool:
        """True where the sound has an end, with which the run ends."""
        return self.source in ("file", "say")


def choose_sound(audio: str | None, mic: str | None, say: str | None, topic: bool) -> Sound:
    """The one source that was asked for, checked.

    Raises:
        ValueError: none or several, or one that is not there.
    """
    given = [
        name
        for name, is_given in (
            ("--audio", audio is not None),
            ("--mic", mic is not None),
            ("--say", say is not None),
            ("--topic", topic),
        )
        if is_given
    ]
    if len(given) != 1:
        got = " and ".join(given) or "none"
        raise ValueError(f"sound: {got} given; choose one of --audio, --mic, --say, --topic")
    if audio is not None:
        return file_sound(audio)
    if mic is not None:
        check_microphone(mic)
        return Sound("mic", {"device": mic})
    if say is not None:
        from talking_portrait_ros.audio.speech import SpeechRequest

        SpeechRequest(say)
        return Sound("say", {"text": say})
    return Sound("topic", {})


def choose_partner(file: str | None, mic: str | None) -> Sound | None:
    """Where the partner's sound comes from, checked; None where only a topic may bring it.

    Raises:
        ValueError: both are given, or one that is not there.
    """
    if file is not None and mic is not None:
        raise ValueError("partner: --partner and --partner-mic given; choose one of them")
    if file is not None:
        return file_sound(file)
    if mic is not None:
        check_microphone(mic, "--partner-mic")
        return Sound("mic", {"device": mic})
    return None


def file_sound(file: str) -> Sound:
    """A sound file that can be read.

    Raises:
        ValueError: it cannot.
    """
    from talking_portrait_ros.audio.files import FileSource

    FileSource(file).close()
    return Sound("file", {"file": str(Path(file).resolve())})


def check_microphone(device: str, option: str = "--mic") -> None:
    """Refuse a microphone that cannot be opened.

    Raises:
        ValueError: there is none of that name (lists those there are), or no PyAudio.
    """
    from talking_portrait_ros.audio.microphone import MicSource

    try:
        MicSource(device).close()
    except RuntimeError as error:
        raise ValueError(f"{option}: {error}") from error
