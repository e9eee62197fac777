"""Makes one frame after the other: a step of the transformer, then Euler steps from noise.

Guidance asks the network up to five times at once, as rows of one batch: knowing everything,
nothing, only the own voice, only the partner's, only the anchor. Rows whose pull is zero are left
out. All rows share the motion that is made.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from talking_portrait_ros.flow.path import velocity_from_clean
from talking_portrait_ros.flow.schedule import times_down
from talking_portrait_ros.flow.solver import euler
from talking_portrait_ros.latents.ar_flow_matching.backbone import FrameRing
from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.latents.ar_flow_matching.gestures import UnderWay
from talking_portrait_ros.latents.ar_flow_matching.model import ArFlow
from talking_portrait_ros.latents.noise import draws

EVERYTHING, NOTHING, OWN, PARTNER, ANCHOR = range(5)  # what a row knows
_NOISE = 78  # chance stream of the frames
_FARTHEST = 6.0  # spreads from the mean: no code is further out, so none can run away


@dataclass
class Past:
    """What a session remembers.

    Attributes:
        branches: what the rows know; each has one row per session.
        ring: the transformer's past of each row.
        anchor: [B, C].
        last: code of the newest frame, [B, K].
        gestures: what is under way, per session.
    """

    branches: tuple[int, ...]
    ring: FrameRing
    anchor: Tensor
    last: Tensor
    gestures: list[UnderWay]


class Sampler:
    """Samples frames with a network; several sessions may go on at once (the batch B)."""

    def __init__(self, model: ArFlow) -> None:
        self.model = model
        self._times: dict[int, list[list[Tensor]]] = {}

    def start(self, motion: Tensor, config: ArFlowMatchingConfig) -> Past:
        """Sessions that begin in, and are anchored to, `motion` [B, 58]."""
        last = self.model.codes.encode(motion)
        branches = _branches(config)
        ring = FrameRing.empty(config, len(branches) * len(motion), last)
        gestures = [UnderWay.none() for _ in motion]
        return Past(branches, ring, self.model.anchor(last), last, gestures)

    def frame(
        self, own: Tensor, partner: Tensor, past: Past, noise: Tensor, config: ArFlowMatchingConfig
    ) -> Tensor:
        """The motion of the next frame, [B, 58].

        Args:
            own: what the own voice says, from `Ears`, [B, C].
            partner: what the partner's voice says, [B, C].
            past: brought up to date.
            noise: [B, K].
            config: steps and guidance; may change from frame to frame.
        """
        _ask(past, _branches(config))
        n_rows = len(past.branches)
        heard = self._heard(own, partner, past)
        heard = (heard + self._gestures(past, config).repeat(n_rows, 1))[:, None]
        before = past.last.repeat(n_rows, 1)[:, None]
        condition = self.model.backbone(before, heard, self._anchors(past), past.ring)[:, 0]
        self._foresee(condition, past, config)
        told, times = self.model.head.read_condition(condition), iter(self._read_times(config))

        def velocity(z: Tensor, t: Tensor) -> Tensor:
            said = self.model.head.clean(z.repeat(n_rows, 1), next(times), told)
            return velocity_from_clean(z, _guided(said, past.branches, config), t)

        code = euler(velocity, noise, times_down(config.denoise_steps).to(noise))
        motion: Tensor = self.model.codes.decode(code.clamp(-_FARTHEST, _FARTHEST))
        past.last = self.model.codes.encode(motion)  # of a code without meaning nothing stays
        return motion

    def _gestures(self, past: Past, config: ArFlowMatchingConfig) -> Tensor:
        """What is under way in this frame, [B, C]."""
        for session, under_way in enumerate(past.gestures):
            under_way.go_on(config.seed + session, past.ring.frame)
        ages = torch.stack([under_way.ages for under_way in past.gestures])
        return self.model.gestures.told(ages.to(past.last))

    def _foresee(self, condition: Tensor, past: Past, config: ArFlowMatchingConfig) -> None:
        """How likely the next gestures are."""
        logits = _guided(self.model.gestures.next_logits(condition), past.branches, config)
        for under_way, chances in zip(past.gestures, logits.sigmoid().cpu(), strict=True):
            under_way.chances = chances

    def _read_times(self, config: ArFlowMatchingConfig) -> list[list[Tensor]]:
        """The times of the Euler steps as the head reads them; the same for every frame."""
        n_steps = config.denoise_steps
        if n_steps not in self._times:
            like = self.model.no_anchor
            times = times_down(n_steps)[:-1].to(like)
            self._times[n_steps] = [self.model.head.read_time(t[None]) for t in times]
        return self._times[n_steps]

    def _heard(self, own: Tensor, partner: Tensor, past: Past) -> Tensor:
        """What each row hears, [rows, C]."""
        told = self.model.ears.told
        rows = [
            told(
                own if branch in (EVERYTHING, OWN) else None,
                partner if branch in (EVERYTHING, PARTNER) else None,
                own,
            )
            for branch in past.branches
        ]
        return torch.cat(rows)

    def _anchors(self, past: Past) -> Tensor:
        """What each row knows of the anchor, [rows, C]."""
        none = self.model.no_anchor.expand_as(past.anchor)
        known = (EVERYTHING, ANCHOR)
        return torch.cat([past.anchor if row in known else none for row in past.branches])


def _pulls(config: ArFlowMatchingConfig) -> dict[int, float]:
    """How far guidance pulls towards what some rows say."""
    pulls = {
        OWN: config.guidance_speaker,
        PARTNER: config.guidance_listener,
        ANCHOR: config.guidance_anchor,
    }
    return {branch: pull for branch, pull in pulls.items() if pull}


def _branches(config: ArFlowMatchingConfig) -> tuple[int, ...]:
    """The rows that have a say."""
    pulls = _pulls(config)
    return (EVERYTHING, NOTHING, *pulls) if pulls else (EVERYTHING,)


def _ask(past: Past, branches: tuple[int, ...]) -> None:
    """Go on with other rows; a new one begins with the past of the row that knows everything."""
    if branches == past.branches:
        return
    kept = [past.branches.index(b) if b in past.branches else 0 for b in branches]
    n, ring = len(past.branches), past.ring
    ring.keys, ring.values = (
        part.unflatten(1, (n, -1))[:, kept].flatten(1, 2) for part in (ring.keys, ring.values)
    )
    past.branches = branches


def _guided(said: Tensor, branches: tuple[int, ...], config: ArFlowMatchingConfig) -> Tensor:
    """What the rows say together (S3, section 3.5)."""
    rows = dict(zip(branches, said.unflatten(0, (len(branches), -1)), strict=True))
    pulled: Tensor = rows[EVERYTHING]
    for branch, pull in _pulls(config).items():
        pulled = pulled + pull * (rows[branch] - rows[NOTHING])
    return pulled


def frame_noise(seed: int, frame: int, n: int) -> Tensor:
    """The noise of a frame, [1, n]: a function of seed and index alone."""
    key = int(next(draws(seed, _NOISE, frame)) * 2**53)
    return torch.randn((1, n), generator=torch.Generator().manual_seed(key))
