"""How the averaged network performs conversations that it was not trained on, by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from talking_portrait_ros.features.causal_speech.config import LOOKAHEADS_MS
from talking_portrait_ros.latents.ar_flow_matching.model import ArFlow
from talking_portrait_ros.latents.ar_flow_matching.sampler import Sampler
from talking_portrait_ros.spaces import INDEX
from talking_portrait_ros.training.dyadic.batches import Batch, stretches
from talking_portrait_ros.training.dyadic.material import LEAD_FRAMES, Scene

_SEED = 5
_LOOKAHEAD_MS = 60
_OPEN = 0.02  # of the jaw: more is an open mouth
_SHUT_FRAMES = 8  # after the last word, until the mouth has to be shut
_HEAD = [INDEX[name] for name in ("headPitch", "headYaw", "headRoll")]
_BLINKING = 0.5


@torch.no_grad()
def evaluate(
    model: ArFlow, scenes: Sequence[Scene], n_clips: int, n_frames: int, device: str
) -> dict[str, float]:
    """Perform stretches of `scenes` from their first frame on, and compare with what is true.

    Returns:
        jaw_r: correlation of the jaw with its label over all frames; mouth_open_silent: share of
        the frames without own speech in which it is open; head_spread, head_shake and blinks:
        spread, second difference and number of blinks, made over true.
    """
    n_frames = min([n_frames, *(one.n_frames for one in scenes)])
    generator = np.random.default_rng(_SEED)
    places = []
    for index in generator.permutation(max(n_clips, len(scenes)))[:n_clips]:
        one = scenes[index % len(scenes)]
        places.append((one, int(generator.integers(0, one.n_frames - n_frames + 1))))
    lookahead = LOOKAHEADS_MS.index(_LOOKAHEAD_MS)
    batch = stretches(places, n_frames, [lookahead] * len(places))
    made = performed(model, batch.to(device)).cpu()
    true = batch.motion[:, 1:]
    silent = ~torch.stack([_spoken(one, first, n_frames) for one, first in places])
    return figures(made, true, silent)


def figures(made: Tensor, true: Tensor, silent: Tensor) -> dict[str, float]:
    """The measures of `evaluate`, from motion [B, T, 58] and frames without speech [B, T]."""
    jaw = INDEX["jawOpen"]
    jaws = torch.stack([made[..., jaw].flatten(), true[..., jaw].flatten()])
    return {
        "jaw_r": float(torch.corrcoef(jaws)[0, 1]),
        "mouth_open_silent": float((made[..., jaw][silent] > _OPEN).float().mean()),
        "head_spread": _over(made, true, lambda m: m[..., _HEAD].std(dim=1).mean()),
        "head_shake": _over(made, true, lambda m: _shake(m[..., _HEAD])),
        "blinks": _over(made, true, _n_blinks),
    }


def performed(model: ArFlow, batch: Batch) -> Tensor:
    """The motion that the network makes of a batch by itself, [B, T, 58]."""
    config = model.config.replace(guidance_speaker=0.0, guidance_listener=0.0, guidance_anchor=0.0)
    sampler, n = Sampler(model), len(batch.values)
    caches = model.ears.fresh_caches(n)
    voices = torch.stack(model.ears(batch.values, batch.speech, batch.lookahead, caches))
    past = sampler.start(batch.motion[:, 0], config)
    chance = torch.Generator().manual_seed(_SEED)
    frames = []
    for frame in range(LEAD_FRAMES, voices.shape[2]):
        noise = torch.randn((n, config.codes), generator=chance).to(voices)
        frames.append(sampler.frame(voices[:, :, frame], past, noise, config))
    return torch.stack(frames, dim=1)


def _spoken(one: Scene, first: int, n: int) -> Tensor:
    """Frames in which the face speaks or has just spoken, [n]."""
    spoken = torch.zeros(n, dtype=torch.bool)
    speaking = one.speaking
    for back in range(-1, _SHUT_FRAMES):
        index = torch.arange(first - back, first - back + n).clamp(0, len(speaking) - 1)
        spoken |= speaking[index]
    return spoken


def _over(made: Tensor, true: Tensor, measure) -> float:  # type: ignore[no-untyped-def]
    return float(measure(made) / measure(true).clamp(min=1e-6))


def _shake(motion: Tensor) -> Tensor:
    return motion.diff(n=2, dim=1).abs().mean()


def _n_blinks(motion: Tensor) -> Tensor:
    shut = motion[..., INDEX["eyeBlinkLeft"]] > _BLINKING
    return (shut[:, 1:] & ~shut[:, :-1]).float().sum()
