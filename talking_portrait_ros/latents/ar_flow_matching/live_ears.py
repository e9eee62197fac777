"""Both ears of one session, a frame at a time: the same numbers as `ears.py` in fewer calls.

On a CPU a frame costs what its calls cost, not what they compute. So both voices go through joined
maps, in which either leaves the other's channels alone, and the convolutions look back into rings
of slots that are allocated once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.features.log_mel.mel import SLOT_WIDTH
from talking_portrait_ros.latents.ar_flow_matching.ears import Ear, Ears
from talking_portrait_ros.latents.audio_regression.model import DILATIONS, KERNEL
from talking_portrait_ros.latents.speech_encoder import SLOTS_PER_FRAME, SpeechEncoder

N_VOICES = 2
PERIOD_FRAMES = (KERNEL - 1) * max(DILATIONS) // SLOTS_PER_FRAME + 1  # of the rings


@dataclass(frozen=True)
class Map:
    """x -> x weight + bias; the weight [in, out] lies as a product with few rows reads it."""

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """[N, in] -> [N, out]."""
        return torch.addmm(self.bias, x, self.weight)


@dataclass
class EarRings:
    """The newest slots that each convolution has seen, and how many frames there were.

    Attributes:
        slots: [convolutions, slots, channels].
        frame: counted from the start of the session.
    """

    slots: Tensor
    frame: int = 0


class LiveEars:
    """The ears for one lookahead; to be made anew when their weights change."""

    def __init__(self, ears: Ears, lookahead: int) -> None:
        """`lookahead` is the index in `LOOKAHEADS_MS`."""
        voices = [ears.own, ears.partner]
        self._heard_width = ears.heard_width
        self._leave = _left(voices, ears.lookahead.weight[lookahead])
        encoders = [voice.encoder for voice in voices if voice.encoder is not None]
        self._encoder = _JoinedEncoder(encoders) if encoders else None

    def start(self) -> EarRings:
        """Nothing heard."""
        if self._encoder is None:
            return EarRings(self._leave.weight.new_zeros(0))
        return self._encoder.start()

    def hear(self, values: Tensor, speech: float, rings: EarRings) -> Tensor:
        """What the own and the partner's voice say in the next frame, [2, 1, C].

        Args:
            values: a row of the `causal_speech` features, [2 D + 1].
            speech: probability that the own voice speaks.
            rings: brought up to date.
        """
        heard, partner_speech = values[: N_VOICES * self._heard_width], values[-1:]
        if self._encoder is not None:
            heard = self._encoder.hear(heard, rings)
        rings.frame += 1
        row = torch.cat([heard, partner_speech.new_tensor([speech]), partner_speech])
        return self._leave(row[None]).view(N_VOICES, 1, -1)


class _JoinedEncoder:
    """The convolutions of both voices as one net."""

    def __init__(self, encoders: Sequence[SpeechEncoder]) -> None:
        self._enter = _joined([_taps(one.enter) for one in encoders])
        pairs = list(zip(*(one.blocks for one in encoders), strict=True))
        self._spread = [_joined([_taps(one.spread) for one in pair], KERNEL) for pair in pairs]
        self._mix = [_joined([_taps(one.mix) for one in pair]) for pair in pairs]
        self._seen = _seen_slots().to(self._enter.weight.device)

    def start(self) -> EarRings:
        shape = (len(self._mix), PERIOD_FRAMES * SLOTS_PER_FRAME, self._enter.weight.shape[1])
        return EarRings(self._enter.weight.new_zeros(shape))

    def hear(self, values: Tensor, rings: EarRings) -> Tensor:
        """Both voices' slots of a frame [2 D] to channels, slot after slot, [2 C]."""
        place = rings.frame % PERIOD_FRAMES
        first = place * SLOTS_PER_FRAME
        slots = values.view(N_VOICES, SLOTS_PER_FRAME, SLOT_WIDTH).transpose(0, 1)
        x = self._enter(slots.reshape(SLOTS_PER_FRAME, -1))
        layers = zip(rings.slots, self._seen[place], self._spread, self._mix, strict=True)
        for ring, seen, spread, mix in layers:
            ring[first : first + SLOTS_PER_FRAME] = x
            taps = ring.index_select(0, seen).view(SLOTS_PER_FRAME, -1)
            x = x + mix(spread(taps).relu_())
        return functional.silu(x).flatten()


def _taps(conv: nn.Conv1d) -> tuple[Tensor, Tensor]:
    """Weight, [out, taps in], and bias."""
    assert conv.bias is not None
    return conv.weight.transpose(1, 2).flatten(1), conv.bias


def _seen_slots() -> Tensor:
    """Slots of the ring that each convolution sees, [frames, convolutions, slots taps]."""
    now = torch.arange(PERIOD_FRAMES * SLOTS_PER_FRAME).view(-1, 1, SLOTS_PER_FRAME, 1)
    back = torch.arange(KERNEL - 1, -1, -1) * torch.tensor(DILATIONS)[:, None]
    now = now.view(PERIOD_FRAMES, 1, SLOTS_PER_FRAME, 1)
    return ((now - back[:, None]) % (PERIOD_FRAMES * SLOTS_PER_FRAME)).flatten(2)


def _joined(maps: Sequence[tuple[Tensor, Tensor]], n_taps: int = 1) -> Map:
    """Maps [out, taps in], each of its own voice, as one of all voices, tap after tap."""
    parts = [weight.unflatten(1, (n_taps, -1)) for weight, _ in maps]
    taps = [torch.block_diag(*(part[:, tap].T for part in parts)) for tap in range(n_taps)]
    return Map(torch.cat(taps).contiguous(), torch.cat([bias for _, bias in maps]))


def _left(voices: Sequence[Ear], lookahead: Tensor) -> Map:
    """What leaves the ears: slots of both voices, then their probabilities of speech."""
    n_slots = SLOTS_PER_FRAME if voices[0].encoder is not None else 1
    heard = _joined([(voice.leave.weight[:, :-1], voice.leave.bias) for voice in voices], n_slots)
    speech = torch.block_diag(*(voice.leave.weight[:, -1:].T for voice in voices))
    own = torch.cat([lookahead, torch.zeros_like(lookahead)])
    return Map(torch.cat([heard.weight, speech]).contiguous(), heard.bias + own)
