"""Who talks in the conversations, and what they say: phrases written for this project.

Voices and phrases are split once and for all: what validation hears, no training has heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from talking_portrait_ros.training.texts import OTHER_SENTENCES
from talking_portrait_ros.training.voices import Voice, available

Kind = Literal["phrase", "backchannel", "laugh"]

TRAINING_VOICES = (
    *(Voice("espeak", name) for name in (
        "en-us", "en-us+f1", "en-us+f2", "en-us+f3", "en-us+f4", "en-us+m1", "en-us+m3",
        "en-us+m4", "en-us+m7", "en-gb", "en-gb+f3", "en-gb-scotland", "en-gb-scotland+f2",
        "en-us-nyc+m2", "de", "de+f2", "fr", "fr+f3", "es", "es+f1", "it", "it+f2")),
    *(Voice("flite", name) for name in ("slt", "rms", "kal16")),
)  # fmt: skip
VALIDATION_VOICES = (
    *(Voice("espeak", name) for name in ("en-us+f5", "en-us+m5", "en-gb-x-rp+m6", "en-029+f5")),
    Voice("flite", "awb"),
)

OPENINGS = (
    "Well,", "So,", "You know,", "To be honest,", "As I said,", "Now,", "Listen,", "By the way,",
    "Of course,", "Honestly,", "In the end,", "Yesterday,", "Last week,", "This morning,", "",
)  # fmt: skip
SUBJECTS = (
    "my neighbour", "the whole team", "a friend of mine", "the new robot", "everybody at work",
    "my older sister", "the man from the museum", "our bus driver", "some visitor", "I",
    "the people upstairs", "a woman with a violin", "my boss", "we", "the little boy",
)  # fmt: skip
DEEDS = (
    "wanted to paint", "finally fixed", "completely forgot", "brought back", "gave away",
    "talked about", "spent an hour with", "could not find", "bought", "was looking for",
    "moved into", "dropped", "laughed at", "kept asking for", "made a photo of",
)  # fmt: skip
THINGS = (
    "the old piano", "a box full of letters", "that broken machine", "the garden behind the house",
    "five very small boats", "the keys of the office", "a birthday cake", "the map of the city",
    "some quite useful ideas", "the film about whales", "a pair of yellow shoes", "the big window",
    "his own name", "the first page", "a bowl of soup",
)  # fmt: skip
ENDINGS = (
    "before lunch.", "for no good reason.", "and nobody noticed.", "just in time.", "on the way.",
    "in front of everyone.", "as far as I know.", "which was a bit of a surprise.", "twice.",
    "because it was raining.", "without saying a word.", "or so they told me.", "again.",
    "and that was that.", "if I remember rightly.",
)  # fmt: skip
SENTENCES = (
    "How was your weekend?", "What do you think about it?", "Could you say that once more?",
    "I am not so sure about that.", "That sounds like a very good plan.", "Where shall we begin?",
    "Thank you, that helps a lot.", "Let me think about it for a moment.", "It depends.",
    "And then what happened?", "I have never heard of such a thing!", "Please, go on.",
    "Where did you put it?", "We should do that more often.", "No, not at all.",
    "Yes, I would love to.", "Can I bring you something to drink?", "That is a long story.",
    "I was just about to ask you the same.", "Oh no, what a pity!", "When does it start?",
    "Do you really mean that?", "Maybe we can meet tomorrow afternoon.", "It was wonderful.",
)  # fmt: skip
BACKCHANNELS = ("Mm-hmm.", "Yeah.", "Right.", "Mhm.", "I see.", "Okay.", "Oh.", "Sure.", "Mm.")
LAUGHS = ("Hahaha.", "Ha ha ha ha.", "Hehehe.", "Ha ha.")
HELD_OUT = 5  # every fifth phrase of a list is for validation


@dataclass(frozen=True)
class Line:
    """Something to say."""

    kind: Kind
    text: str


def voices_of(validation: bool) -> list[Voice]:
    """The installed voices of one side of the split."""
    return available(VALIDATION_VOICES if validation else TRAINING_VOICES)


def lines(
    language: str, n_phrases: int, validation: bool, generator: np.random.Generator
) -> list[Line]:
    """What one person may say: phrases, then backchannels, then laughs."""
    phrases = [_phrase(language, validation, generator) for _ in range(n_phrases)]
    backs = generator.choice(BACKCHANNELS, 1 + n_phrases // 3)
    laughs = generator.choice(LAUGHS, 1 + n_phrases // 8)
    return [
        *(Line("phrase", text) for text in phrases),
        *(Line("backchannel", str(text)) for text in backs),
        *(Line("laugh", str(text)) for text in laughs),
    ]


def _phrase(language: str, validation: bool, generator: np.random.Generator) -> str:
    if language in OTHER_SENTENCES:
        return str(generator.choice(OTHER_SENTENCES[language]))
    if generator.random() < 0.35:
        return str(generator.choice(_side(SENTENCES, validation)))
    parts = (OPENINGS, SUBJECTS, DEEDS, THINGS, ENDINGS)
    said = [str(generator.choice(_side(part, validation))) for part in parts]
    if generator.random() < 0.5:
        said = said[1:4]  # a short one
    return " ".join(said).strip()


def _side(phrases: Sequence[str], validation: bool) -> list[str]:
    return [p for i, p in enumerate(phrases) if (i % HELD_OUT == HELD_OUT - 1) == validation]
