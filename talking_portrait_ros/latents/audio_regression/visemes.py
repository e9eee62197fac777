"""The label model: what the mouth does while a phoneme is said, and between phonemes.

Every phoneme pulls five articulators towards a target with a weight. Between phonemes the pulls
blend (dominance, after Cohen and Massaro 1993):

    y(t) = sum_i a_i y_i k_i(t) / sum_i a_i k_i(t)
    k_i(t) = exp(-d_i(t) / (tau_i + h_i / 4)),   d_i(t) = max(0, |t - centre_i| - h_i / 2)

h_i is half the length of phoneme i. The label of a frame is read `ANTICIPATION_S` after its stamp.
Pauses: next to speech the lips rest half open, in the middle of a long pause they close.

Articulators, in the order of `ARTICULATORS`:
    opening  gap between the lips, 0 closed .. 1 wide ("a"); targets below 0 make labials close
    spread   width of the mouth, -1 round ("u") .. 1 spread ("i")
    press    lips pressed together (p b m)
    tuck     lower lip under the upper teeth (f v)
    funnel   lips pushed forward and flared (sh, ch)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from talking_portrait_ros.audio.speech import Phoneme
from talking_portrait_ros.chunks import F32

ARTICULATORS = ("opening", "spread", "press", "tuck", "funnel")
N_ARTICULATORS = len(ARTICULATORS)
ANTICIPATION_S = 0.02  # after the stamp of the frame, so in its middle
TAU_S = 0.03
QUICK_TAU_S = 0.022  # labials, s and t move faster
SHORT_PAUSE_S = 0.06  # shorter ones are no pause but part of a plosive
AFTER_SPEECH_S = 0.12  # lips stay half open so long after speech,
BEFORE_SPEECH_S = 0.25  # and part so long before


@dataclass(frozen=True)
class Viseme:
    """Target and pull of one phoneme. `weight` says how much it insists."""

    opening: float
    spread: float = 0.0
    press: float = 0.0
    tuck: float = 0.0
    funnel: float = 0.0
    weight: float = 1.0
    tau_s: float = TAU_S

    @property
    def target(self) -> tuple[float, ...]:
        """The articulators in the order of `ARTICULATORS`."""
        return (self.opening, self.spread, self.press, self.tuck, self.funnel)


@dataclass(frozen=True)
class Segment:
    """A viseme from `start_s` to `end_s`, seconds."""

    start_s: float
    end_s: float
    viseme: Viseme


REST = Viseme(0.03, weight=0.8)
HALF_OPEN = Viseme(0.28, weight=0.3)
UNKNOWN = Viseme(0.35, weight=0.3)

_LABIAL = Viseme(-0.15, press=1.0, weight=3.0, tau_s=QUICK_TAU_S)
_LABIODENTAL = Viseme(0.05, tuck=1.0, weight=2.5, tau_s=QUICK_TAU_S)
_POSTALVEOLAR = Viseme(0.25, -0.5, funnel=1.0, weight=1.0)
_SIBILANT = Viseme(0.17, 0.4, weight=1.0, tau_s=QUICK_TAU_S)
_DENTAL = Viseme(0.25, 0.1, weight=0.6)
_ALVEOLAR = Viseme(0.25, 0.1, weight=0.5, tau_s=QUICK_TAU_S)
_VELAR = Viseme(0.40, weight=0.3)
_UVULAR = Viseme(0.45, weight=0.3)
_RHOTIC = Viseme(0.28, -0.4, funnel=0.4, weight=0.7)
_FLAP = Viseme(0.32, weight=0.5)

VISEMES: dict[str, Viseme] = {
    **dict.fromkeys(("a", "ɐ"), Viseme(1.0, 0.1)),
    **dict.fromkeys(("ɑ", "ɒ"), Viseme(1.0, -0.1)),
    "æ": Viseme(1.0, 0.4),
    "ʌ": Viseme(0.7),
    "ɛ": Viseme(0.7, 0.4),
    "œ": Viseme(0.55, -0.6),
    "e": Viseme(0.55, 0.55),
    "ø": Viseme(0.4, -0.7),
    **dict.fromkeys(("ə", "ɜ", "ɚ", "ɝ", "ɵ", "ɘ", "ɤ"), Viseme(0.5, weight=0.7)),
    **dict.fromkeys(("ɪ", "ɨ", "ᵻ"), Viseme(0.42, 0.5)),
    "i": Viseme(0.35, 0.8),
    "ɔ": Viseme(0.65, -0.4),
    "o": Viseme(0.5, -0.6),
    **dict.fromkeys(("ʊ", "ʏ"), Viseme(0.32, -0.6)),
    **dict.fromkeys(("u", "y", "ʉ", "ɯ"), Viseme(0.25, -0.9)),
    **dict.fromkeys(("p", "b", "m"), _LABIAL),
    **dict.fromkeys(("f", "v", "ʋ", "ɱ"), _LABIODENTAL),
    "β": Viseme(0.1, weight=1.5),
    **dict.fromkeys(("w", "ʍ", "ɥ"), Viseme(0.12, -1.0, weight=1.5)),
    **dict.fromkeys(("ʃ", "ʒ", "tʃ", "dʒ", "ʂ", "ʐ", "tʂ"), _POSTALVEOLAR),
    **dict.fromkeys(("ɕ", "ʑ", "tɕ", "dʑ", "ç"), Viseme(0.25, 0.2, funnel=0.4)),
    **dict.fromkeys(("s", "z", "ts", "dz"), _SIBILANT),
    **dict.fromkeys(("θ", "ð"), _DENTAL),
    **dict.fromkeys(("t", "d", "n", "ʈ", "ɖ"), _ALVEOLAR),
    **dict.fromkeys(("ɾ", "r"), _FLAP),
    **dict.fromkeys(("ɹ", "ɻ"), _RHOTIC),
    **dict.fromkeys(("l", "ɫ", "ʎ"), Viseme(0.4, 0.1, weight=0.4)),
    **dict.fromkeys(("j", "ɲ"), Viseme(0.33, 0.5, weight=1.0)),
    **dict.fromkeys(("k", "ɡ", "g", "ŋ", "c", "ɟ", "q"), _VELAR),
    **dict.fromkeys(("x", "ɣ", "ʁ", "ʀ", "χ"), _UVULAR),
    **dict.fromkeys(("h", "ɦ", "ʔ"), Viseme(0.5, weight=0.05)),
}
"""Viseme of an IPA symbol. Symbols that are not here (length, stress, tone) have no shape."""


def articulation(phonemes: Iterable[Phoneme], times_s: F32) -> F32:
    """The articulators while `phonemes` are said, [T, 5], at `times_s` [T].

    Args:
        phonemes: what is said when, in order, pauses (empty symbol) included.
        times_s: when to look; `ANTICIPATION_S` is not added here.
    """
    segments = _segments(_merged(phonemes))
    if not segments:
        return np.tile(np.array(REST.target, np.float32), (len(times_s), 1))
    starts = np.array([segment.start_s for segment in segments])  # [S]
    ends = np.array([segment.end_s for segment in segments])
    half = (ends - starts) / 2
    distance = np.abs(times_s[:, None] - (starts + ends) / 2) - half / 2  # [T, S]
    tau = np.array([segment.viseme.tau_s for segment in segments])
    closeness = -np.maximum(0.0, distance) / (tau + half / 4)
    closeness -= closeness.max(axis=1, keepdims=True)  # far from all, the nearest decides
    pull = np.array([segment.viseme.weight for segment in segments]) * np.exp(closeness)
    targets = np.array([segment.viseme.target for segment in segments])  # [S, 5]
    blended = pull @ targets / pull.sum(axis=1, keepdims=True)
    blended[:, 0] = blended[:, 0].clip(0.0, 1.0)
    return np.asarray(blended, np.float32)


def _merged(phonemes: Iterable[Phoneme]) -> list[Phoneme]:
    """The phonemes with neighbouring pauses joined."""
    merged: list[Phoneme] = []
    for phoneme in phonemes:
        if merged and not phoneme.ipa and not merged[-1].ipa:
            phoneme = Phoneme(merged.pop().start_s, phoneme.end_s, "")
        merged.append(phoneme)
    return merged


def _segments(phonemes: list[Phoneme]) -> list[Segment]:
    segments = []
    for index, phoneme in enumerate(phonemes):
        if phoneme.ipa:
            segments += _spoken(phoneme)
        else:
            segments += _pause(phoneme, index > 0, index < len(phonemes) - 1)
    return segments


def _spoken(phoneme: Phoneme) -> list[Segment]:
    visemes = _visemes(phoneme.ipa)
    edges = np.linspace(phoneme.start_s, phoneme.end_s, len(visemes) + 1).tolist()
    return [Segment(*part) for part in zip(edges, edges[1:], visemes, strict=False)]


def _visemes(ipa: str) -> list[Viseme]:
    """Visemes of the symbols in `ipa`; a diphthong has two."""
    found = []
    while ipa:
        length = 2 if ipa[:2] in VISEMES else 1
        if ipa[:length] in VISEMES:
            found.append(VISEMES[ipa[:length]])
        ipa = ipa[length:]
    return found or [UNKNOWN]


def _pause(pause: Phoneme, after_speech: bool, before_speech: bool) -> list[Segment]:
    """Half open next to speech, closed in the middle."""
    start_s, end_s = pause.start_s, pause.end_s
    if end_s - start_s < SHORT_PAUSE_S:
        return []
    rest_start = start_s + AFTER_SPEECH_S * after_speech
    rest_end = end_s - BEFORE_SPEECH_S * before_speech
    if rest_end <= rest_start:
        return [Segment(start_s, end_s, HALF_OPEN)]
    parts = [Segment(start_s, rest_start, HALF_OPEN), Segment(rest_start, rest_end, REST),
             Segment(rest_end, end_s, HALF_OPEN)]  # fmt: skip
    return [part for part in parts if part.end_s > part.start_s]
