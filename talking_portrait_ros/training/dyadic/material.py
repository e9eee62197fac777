"""Conversations as the network hears them: slots of both voices, and the motion to learn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.features.causal_speech.config import LOOKAHEADS_MS
from talking_portrait_ros.features.log_mel.ear import SLOTS_PER_FRAME
from talking_portrait_ros.features.log_mel.mel import SLOT_WIDTH, SlotState, push_samples
from talking_portrait_ros.features.log_mel.speech_net import N_HIDDEN, SpeechNet
from talking_portrait_ros.latents.ar_flow_matching.gestures import KINDS, LONG_AGO
from talking_portrait_ros.training.conversations.conversation import Conversation, load_pack

N_LOOKAHEADS = len(LOOKAHEADS_MS)
MOST_SLOTS = N_LOOKAHEADS - 1  # of lookahead: they are 20 ms apart, as slots are
LEAD_FRAMES = 32  # before a stretch that the ears hear, so that they know what came before


@dataclass(frozen=True)
class Scene:
    """One conversation of T frames; float16 where it is much.

    Attributes:
        own: slots of the own voice, [2 T, 80].
        own_speech: probability of speech per frame and lookahead, [T, L].
        partner: slots of the partner, [2 T, 80].
        partner_speech: [T].
        motion: [T, 58].
        speaking: the face truly speaks, [T] bool.
        ages: frames since each kind of gesture began, [T, kinds].
    """

    own: Tensor
    own_speech: Tensor
    partner: Tensor
    partner_speech: Tensor
    motion: Tensor
    speaking: Tensor
    ages: Tensor

    @property
    def n_frames(self) -> int:
        """T, less the frames whose lookahead or next gesture is not there."""
        return len(self.motion) - max(1, MOST_SLOTS // SLOTS_PER_FRAME)

    def heard(self, first: int, n: int, lookahead: int) -> tuple[Tensor, Tensor]:
        """The features of `n` frames from `first` on: values [n, 321] and speech [n].

        Args:
            first: may lie before the conversation, where nothing is heard.
            n: frames.
            lookahead: index in `LOOKAHEADS_MS`.
        """
        own = _slots(self.own, SLOTS_PER_FRAME * first + lookahead, n)
        partner = _slots(self.partner, SLOTS_PER_FRAME * first, n)
        speaks = _rows(self.partner_speech[:, None], first, n)
        values = torch.cat([own, partner, speaks], dim=1)
        return values, _rows(self.own_speech, first, n)[:, lookahead]


def scene(conversation: Conversation, net: SpeechNet) -> Scene:
    """A conversation as the ears of `causal_speech` hear it."""
    own, own_speech = _listened(conversation.speaker, net)
    partner, partner_speech = _listened(conversation.partner, net)
    return Scene(
        torch.from_numpy(own).half(), torch.from_numpy(own_speech).half(),
        torch.from_numpy(partner).half(), torch.from_numpy(partner_speech[:, 0]).half(),
        torch.from_numpy(conversation.motion), torch.from_numpy(conversation.speaking).bool(),
        ages_of(conversation),
    )  # fmt: skip


def ages_of(conversation: Conversation) -> Tensor:
    """Frames since each kind of gesture began, [T, kinds]; 0 where one begins."""
    frames = np.arange(conversation.n_frames)
    ages = np.full((len(KINDS), len(frames)), LONG_AGO, np.float32)
    for row, kind in zip(ages, KINDS, strict=True):
        begins = conversation.events.get(kind, np.zeros(0, np.int64))
        last = np.searchsorted(begins, frames, side="right") - 1
        has_begun = last >= 0
        row[has_begun] = (frames[has_begun] - begins[last[has_begun]]).clip(max=LONG_AGO)
    return torch.from_numpy(ages.T.copy())


def load_scenes(packs: str) -> list[Scene]:
    """The scenes of packs, their names joined by commas.

    Raises:
        ValueError: a pack is missing or is none.
    """
    from rich.progress import track

    net = SpeechNet.load()
    found = [one for path in packs.split(",") for one in load_pack(path.strip())]
    return [scene(one, net) for one in track(found, "listening")]


def motion_of(scenes: Iterable[Scene]) -> Tensor:
    """All motion, [N, 58]."""
    return torch.cat([one.motion for one in scenes])


def n_hours(scenes: Sequence[Scene], fps: int = 25) -> float:
    """How much there is."""
    return sum(len(one.motion) for one in scenes) / fps / 3600


def _listened(sound: F32, net: SpeechNet) -> tuple[F32, F32]:
    """Slots [2 T, 80] of a sound, and the probability of speech [T, L] for each lookahead."""
    slots = push_samples(sound, SlotState())  # [2 T, 80]
    hidden: F32 = np.zeros(N_HIDDEN, np.float32)
    said = np.zeros((len(slots), N_LOOKAHEADS), np.float32)
    for index, slot in enumerate(slots):
        probabilities, hidden = net.step(slot, hidden)
        for delay in range(min(index, MOST_SLOTS) + 1):
            said[index - delay, delay] = probabilities[delay]
    return slots, said.reshape(-1, SLOTS_PER_FRAME, N_LOOKAHEADS).max(axis=1)


def _slots(slots: Tensor, first: int, n: int) -> Tensor:
    """Slots of `n` frames, [n, 160]."""
    rows = _rows(slots, first, SLOTS_PER_FRAME * n)
    return rows.reshape(n, SLOTS_PER_FRAME * SLOT_WIDTH)


def _rows(values: Tensor, first: int, n: int) -> Tensor:
    """Rows first..first + n, zeros before row 0."""
    missing = min(n, max(0, -first))
    found = values[max(0, first) : first + n].float()
    return torch.cat([found.new_zeros(missing, values.shape[1]), found])
