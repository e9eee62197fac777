"""A wav2vec2-class encoder made strictly causal, one vector per 20 ms slot.

Layers and names are those of wav2vec2-base (Baevski et al. 2020), so that its weights fit. What
looks ahead in the original is closed here (S3, section 3.2):

    (a) loudness is normalised by running statistics of the sound so far, not of the whole clip
    (b) so is the first convolution's group norm, channel by channel
    (c) the positional convolution is padded on the left only
    (d) attention looks back, over a bounded past with a ring of keys and values; the lookahead is
        applied once, outside, by shifting, and does not multiply with the layers
    (e) pairs of slots are averaged to frames, whatever the length of the sound

Slot s depends on samples below 320 (s + 1) and on none after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from talking_portrait_ros.features.causal_speech.config import HEAD
from talking_portrait_ros.features.log_mel.mel import SLOT

KERNELS, STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
RECEPTIVE = 400  # samples that one slot's convolutions see
POSITION_KERNEL, POSITION_GROUPS = 128, 16
MLP_RATIO, EPSILON = 4, 1e-5
PRIOR_SLOTS = 50.0  # weight of the statistics that a stream begins with, in slots
PRIOR_POWER = 0.01  # of speech at a usual level
LONGEST_SLOTS = 500.0  # 10 s: the statistics forget what is older
QUIET = 0.01  # share of the usual power below which a slot is a pause, and does not count
FIRST_STEPS = (RECEPTIVE - KERNELS[0]) // STRIDES[0] + 1  # of the first convolution per slot


@dataclass(frozen=True)
class Wav2Vec2Size:
    """How large the encoder is.

    Attributes:
        width: channels of the transformer, a multiple of 64.
        conv_width: channels of the convolutions.
        layers: transformer layers.
        past_slots: slots that the attention remembers.
    """

    width: int = 768
    conv_width: int = 512
    layers: int = 8
    past_slots: int = 300


@dataclass
class RunningStatistics:
    """Mean and power per channel of a stream so far, [C] each; `weight` samples count so far."""

    mean: Tensor
    power: Tensor
    weight: float

    @classmethod
    def begin(cls, mean: Tensor, power: float, weight: float) -> RunningStatistics:
        """What is assumed before anything was seen, worth `weight` samples."""
        return cls(mean, torch.full_like(mean, power), weight)

    def count(self, x: Tensor) -> None:
        """Samples x [C, n] are seen; what is older than `LONGEST_SLOTS` fades."""
        longest = LONGEST_SLOTS * x.shape[1]
        self.weight = min(self.weight + x.shape[1], max(longest, self.weight))
        share = x.shape[1] / self.weight
        self.mean = self.mean + share * (x.mean(dim=1) - self.mean)
        self.power = self.power + share * (x.square().mean(dim=1) - self.power)

    def normalised(self, x: Tensor) -> Tensor:
        """Samples x [C, n] with about mean 0 and spread 1."""
        variance = (self.power - self.mean.square()).clamp(min=0) + EPSILON
        return (x - self.mean[:, None]) * variance.rsqrt()[:, None]


@dataclass
class Wav2Vec2State:
    """Memory of one stream, allocated once.

    Attributes:
        pending: sound that the next slot's convolutions see.
        sound: statistics of the sound; `first` those of the first convolution.
        position: past of the positional convolution, [1, C, kernel - 1].
        keys: [layers, 1, heads, past, 64]; `values` the same shape.
        next_slot: slots done.
    """

    pending: Tensor
    sound: RunningStatistics
    first: RunningStatistics
    position: Tensor
    keys: Tensor
    values: Tensor
    next_slot: int = 0


class _Norm(nn.Module):
    """Gain and shift of the first convolution's norm; the statistics run."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight[:, None] + self.bias[:, None]


class _ConvLayer(nn.Module):
    def __init__(self, n_in: int, n_out: int, index: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(n_in, n_out, KERNELS[index], STRIDES[index], bias=False)
        if index == 0:
            self.layer_norm = _Norm(n_out)


class _FeatureEncoder(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        widths = (1, *(width,) * len(KERNELS))
        self.conv_layers = nn.ModuleList(
            _ConvLayer(widths[i], widths[i + 1], i) for i in range(len(KERNELS))
        )


class _Projection(nn.Module):
    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(n_in)
        self.projection = nn.Linear(n_in, n_out)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.projection(self.layer_norm(x))
        return out


class _Position(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, POSITION_KERNEL, groups=POSITION_GROUPS)

    def forward(self, past: Tensor) -> Tensor:
        """The newest position, [1, C], from the last 128 of [1, C, 128]."""
        return functional.gelu(self.conv(past))[..., 0]


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.n_heads = width // HEAD
        self.q_proj, self.k_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, slot: int) -> Tensor:
        """One position [1, C]; keys and values [1, heads, past, 64] take it in."""
        window = keys.shape[2]
        n_seen = min(slot + 1, window)
        keys[:, :, slot % window] = self.k_proj(x).unflatten(-1, (self.n_heads, HEAD))
        values[:, :, slot % window] = self.v_proj(x).unflatten(-1, (self.n_heads, HEAD))
        query = self.q_proj(x).unflatten(-1, (self.n_heads, 1, HEAD))
        seen = functional.scaled_dot_product_attention(
            query, keys[:, :, :n_seen], values[:, :, :n_seen]
        )
        out: Tensor = self.out_proj(seen.flatten(1))
        return out


class _FeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(width, MLP_RATIO * width)
        self.output_dense = nn.Linear(MLP_RATIO * width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.output_dense(functional.gelu(self.intermediate_dense(x)))
        return out


class _Layer(nn.Module):
    """Post-norm transformer layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = _Attention(width)
        self.layer_norm = nn.LayerNorm(width)
        self.feed_forward = _FeedForward(width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, slot: int) -> Tensor:
        x = self.layer_norm(x + self.attention(x, keys, values, slot))
        out: Tensor = self.final_layer_norm(x + self.feed_forward(x))
        return out


class _Encoder(nn.Module):
    def __init__(self, size: Wav2Vec2Size) -> None:
        super().__init__()
        self.pos_conv_embed = _Position(size.width)
        self.layer_norm = nn.LayerNorm(size.width)
        self.layers = nn.ModuleList(_Layer(size.width) for _ in range(size.layers))


class CausalWav2Vec2(nn.Module):
    """Sound to one vector [width] per slot, as a stream."""

    def __init__(self, size: Wav2Vec2Size) -> None:
        super().__init__()
        self.size = size
        self.feature_extractor = _FeatureEncoder(size.conv_width)
        self.feature_projection = _Projection(size.conv_width, size.width)
        self.encoder = _Encoder(size)

    def start(self) -> Wav2Vec2State:
        """A stream that begins."""
        size, like = self.size, self.feature_projection.projection.weight
        shape = (size.layers, 1, size.width // HEAD, size.past_slots, HEAD)
        return Wav2Vec2State(
            pending=like.new_zeros(RECEPTIVE - SLOT),
            sound=RunningStatistics.begin(like.new_zeros(1), PRIOR_POWER, PRIOR_SLOTS * SLOT),
            first=RunningStatistics.begin(
                like.new_zeros(size.conv_width), 1.0, PRIOR_SLOTS * FIRST_STEPS
            ),
            position=like.new_zeros(1, size.width, POSITION_KERNEL - 1),
            keys=like.new_zeros(shape),
            values=like.new_zeros(shape),
        )

    @torch.inference_mode()
    def push(self, samples: Tensor, state: Wav2Vec2State) -> Tensor:
        """The slots that `samples` [n] complete, [k, width]; updates `state`."""
        sound = torch.cat([state.pending, samples])
        n_slots = (len(sound) - (RECEPTIVE - SLOT)) // SLOT
        made = [
            self._slot(sound[index * SLOT : index * SLOT + RECEPTIVE], state)
            for index in range(n_slots)
        ]
        state.pending = sound[n_slots * SLOT :].clone()
        return torch.stack(made) if made else sound.new_zeros(0, self.size.width)

    def _slot(self, segment: Tensor, state: Wav2Vec2State) -> Tensor:
        """The vector [width] of the slot that ends with `segment` [400]."""
        heard = self._convolved(segment, state)
        x: Tensor = self.feature_projection(heard[None])  # [1, width]
        past = torch.cat([state.position, x[..., None]], dim=2)
        state.position = past[..., 1:]
        x = self.encoder.layer_norm(x + self.encoder.pos_conv_embed(past))
        for index, layer in enumerate(self.encoder.layers):
            x = layer(x, state.keys[index], state.values[index], state.next_slot)
        state.next_slot += 1
        return x[0]

    def _convolved(self, segment: Tensor, state: Wav2Vec2State) -> Tensor:
        """What the convolutions make of a segment, [conv_width]; its last slot is new."""
        fresh = segment[None, RECEPTIVE - SLOT :]
        counts = bool(fresh.square().mean() > QUIET * state.sound.power)
        if counts:
            state.sound.count(fresh)
        x = state.sound.normalised(segment[None])[None]  # [1, 1, 400]
        first, *others = (cast("_ConvLayer", one) for one in self.feature_extractor.conv_layers)
        x = first.conv(x)
        if counts:
            state.first.count(x[0])
        x = functional.gelu(first.layer_norm(state.first.normalised(x[0]))[None])
        for layer in others:
            x = functional.gelu(layer.conv(x))
        heard: Tensor = x[0, :, 0]
        return heard
