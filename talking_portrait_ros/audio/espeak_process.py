"""A separate program that speaks: espeak-ng is GPL, so it never enters the process of the package.

`python -m talking_portrait_ros.audio.espeak_process` reads requests from stdin, one JSON object
per line (text, voice, speed_wpm, pitch, pitch_range), and answers each on stdout with one JSON
line (sample_rate_hz, n_samples, phonemes [[first_sample, ipa], ...] or error), followed by
n_samples of int16 sound. `speech.py` is the other end of the pipe.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

REMEDY = "install the Debian package espeak-ng or `pip install espeakng-loader`"
SYSTEM_LIBRARY = "libespeak-ng.so.1"
WELL_KNOWN_VOICES = (
    "en-us", "en-gb", "de", "fr-fr", "es", "it", "pt", "nl", "pl", "ru", "sv", "tr",
    "ar", "hi", "cmn",
)  # fmt: skip

# Numbers of speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_PHONEME_EVENTS_IN_IPA = 0x0001 | 0x0002
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_EVENT_LIST_TERMINATED, _EVENT_PHONEME = 0, 7


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


class _Voice(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """The library, loaded once; `speak` may be called many times."""

    def __init__(self) -> None:
        """Load espeak-ng.

        Raises:
            ValueError: it is not installed or does not start.
        """
        self._library, data = _load()
        flags = _INITIALIZE_PHONEME_EVENTS_IN_IPA | _INITIALIZE_DONT_EXIT
        self.sample_rate_hz = int(
            self._library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data, flags)
        )
        if self.sample_rate_hz <= 0:
            raise ValueError(f"espeak-ng does not start (its voices are missing); {REMEDY}")
        self._callback = _Callback(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)
        self._sound = bytearray()
        self._phonemes: list[tuple[int, str]] = []

    def speak(self, request: dict[str, Any]) -> tuple[bytes, list[tuple[int, str]]]:
        """Sound (int16) and phonemes (first sample, IPA) of one request.

        Raises:
            ValueError: the voice does not exist.
        """
        self._sound.clear()
        self._phonemes = []
        self._choose(request["voice"])
        for parameter, name in ((_RATE, "speed_wpm"), (_PITCH, "pitch"), (_RANGE, "pitch_range")):
            self._library.espeak_SetParameter(parameter, int(request[name]), 0)
        text = request["text"].encode()
        self._library.espeak_Synth(text, len(text) + 1, 0, 0, 0, _CHARS_UTF8, None, None)
        self._library.espeak_Synchronize()
        return bytes(self._sound), self._phonemes

    def _choose(self, voice: str) -> None:
        """Take a voice by its name ("en"), or by language with or without variant ("en-gb+f2")."""
        language, plus, variant = voice.partition("+")
        by_language = self._voices().get(language, language) + plus + variant
        for name in (voice, by_language):
            if self._library.espeak_SetVoiceByName(name.encode()) == 0:
                return
        known = self._voices()
        some = [name for name in WELL_KNOWN_VOICES if name in known]
        raise ValueError(
            f"voice={voice!r} does not exist; choose one of {', '.join(some)} or "
            f"{len(known) - len(some)} more (espeak-ng --voices)"
        )

    def _voices(self) -> dict[str, str]:
        """Voice file of each language code."""
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        files: dict[str, str] = {}
        for voice in self._library.espeak_ListVoices(None):
            if not voice:
                break
            code = voice.contents.languages[1:].decode()  # the first byte is a priority
            files.setdefault(code, voice.contents.identifier.decode())
        return files

    def _collect(self, wave: Any, n_samples: int, events: Any) -> int:
        for event in events:
            if event.type == _EVENT_LIST_TERMINATED:
                break
            if event.type == _EVENT_PHONEME:
                ipa = ctypes.string_at(ctypes.addressof(event.id), 8).split(b"\0")[0]
                if not ipa.startswith(b"("):  # "(en)": the language changes, nothing is said
                    self._phonemes.append((event.sample, ipa.decode(errors="ignore")))
        if wave and n_samples > 0:
            self._sound += ctypes.string_at(wave, 2 * n_samples)
        return 0


def _load() -> tuple[ctypes.CDLL, bytes | None]:
    """The library and the folder of its data (None: the one built into the library)."""
    try:
        return ctypes.CDLL(SYSTEM_LIBRARY), None
    except OSError:
        pass
    spec = find_spec("espeakng_loader")
    if spec is None or spec.origin is None:
        raise ValueError(f"espeak-ng is not here; {REMEDY}")
    folder = Path(spec.origin).parent
    try:
        library = ctypes.CDLL(str(folder / "libespeak-ng.so"))
    except OSError as error:
        raise ValueError(f"espeak-ng cannot be loaded ({error}); {REMEDY}") from error
    return library, str(folder / "espeak-ng-data").encode()


def _answer(espeak: Espeak, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        sound, phonemes = espeak.speak(request)
    except ValueError as error:
        return {"error": str(error)}, b""
    n_samples = len(sound) // 2
    reply = {"sample_rate_hz": espeak.sample_rate_hz, "n_samples": n_samples, "phonemes": phonemes}
    return reply, sound


def main() -> None:
    """Answer the requests on stdin until it closes."""
    out = sys.stdout.buffer
    try:
        espeak = Espeak()
    except ValueError as error:
        out.write(json.dumps({"error": str(error)}).encode() + b"\n")
        return
    for line in sys.stdin:
        reply, sound = _answer(espeak, json.loads(line))
        out.write(json.dumps(reply).encode() + b"\n" + sound)
        out.flush()


if __name__ == "__main__":
    main()
