"""An ear that hears through a speech model, and the weights of such models in a local folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from talking_portrait_ros.chunks import F32
from talking_portrait_ros.features.causal_speech.wav2vec2 import CausalWav2Vec2, Wav2Vec2State
from talking_portrait_ros.features.log_mel.ear import SLOTS_PER_FRAME, Ear, EarState, Heard

FILE = "model.safetensors"
_PREFIX = "wav2vec2."
_POSITION = "encoder.pos_conv_embed.conv."
_NORMED = (("weight_g", "weight_v"), ("parametrizations.weight.original0",
                                      "parametrizations.weight.original1"))  # fmt: skip


@dataclass
class NetEarState:
    """Memory of one ear.

    Attributes:
        net: the stream of the speech model.
        speech: the log-mel ear, which says when somebody speaks.
        waiting: slots that are not whole frames yet, [k, width].
        next_slot: position of the next slot.
    """

    net: Wav2Vec2State
    speech: EarState
    waiting: Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    next_slot: int = 0


class NetEar:
    """Frames are means of two slots of a causal speech model; the lookahead shifts them, once.

    Attributes:
        width: numbers per frame.
    """

    def __init__(self, net: CausalWav2Vec2, ear: Ear) -> None:
        """`ear` has the lookahead, and says when somebody speaks."""
        self.width = net.size.width
        self._net, self._ear = net, ear
        self._device = next(net.parameters()).device

    def start(self) -> NetEarState:
        """An ear that has heard nothing."""
        nothing = torch.zeros(0, self.width, device=self._device)
        return NetEarState(self._net.start(), self._ear.start(), nothing)

    def hear(self, samples: F32, state: NetEarState) -> Heard:
        """The frames that `samples` [n] complete, perhaps none."""
        slots = self._net.push(torch.from_numpy(samples).to(self._device), state.net)
        late = max(0, self._ear.lookahead_slots - state.next_slot)  # before frame 0
        state.next_slot += len(slots)
        ready = torch.cat([state.waiting, slots[late:]])
        n_frames = len(ready) // SLOTS_PER_FRAME
        state.waiting = ready[n_frames * SLOTS_PER_FRAME :].clone()
        whole = ready[: n_frames * SLOTS_PER_FRAME]
        frames = whole.unflatten(0, (n_frames, SLOTS_PER_FRAME)).mean(dim=1)
        speech = self._ear.hear(samples, state.speech).speech
        return Heard(np.ascontiguousarray(frames.float().cpu().numpy()), speech)


def load_folder(net: CausalWav2Vec2, folder: str) -> None:
    """Fill `net` from a folder with a wav2vec2 model as transformers stores it.

    Layers, and heads for other purposes, that `net` has no use for are passed over.

    Raises:
        ValueError: there is no such file, a tensor is missing or of another shape, or a number
            is not finite; names it.
    """
    found = {name.removeprefix(_PREFIX): value.float() for name, value in _tensors(folder).items()}
    _undo_weight_norm(found)
    wanted = net.state_dict()
    for name, like in wanted.items():
        got = found.get(name)
        if got is None or got.shape != like.shape:
            shape = "missing" if got is None else f"of shape {list(got.shape)}"
            raise ValueError(
                f"folder={folder!r}: tensor {name!r} is {shape}, expected {list(like.shape)}; "
                "choose a wav2vec2-base model, or the layers and width of yours"
            )
        if not got.isfinite().all():
            raise ValueError(f"folder={folder!r}: tensor {name!r} holds NaN or infinite numbers")
    net.load_state_dict({name: found[name] for name in wanted})


def _tensors(folder: str) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(folder).expanduser() / FILE
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(
            f"folder={folder!r}: {FILE} cannot be read ({error}); give the folder of a model that "
            "transformers has saved"
        ) from error


def _undo_weight_norm(tensors: dict[str, Tensor]) -> None:
    """The positional convolution is stored as length and direction per tap; join them."""
    for length, direction in _NORMED:
        if _POSITION + length in tensors:
            g, v = tensors.pop(_POSITION + length), tensors.pop(_POSITION + direction)
            tensors[_POSITION + "weight"] = g * v / v.norm(dim=(0, 1), keepdim=True)
