"""Makes one frame after the other: a step of the transformer, then Euler steps from noise.

Guidance asks the network up to five times at once, as rows of one batch: knowing everything,
nothing, only the own voice, only the partner's, only the anchor. Rows whose pull is zero are left
out. All rows share the motion that is made.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from talking_portrait_ros.flow.path import velocity_from_clean
from talking_portrait_ros.flow.schedule import times_down
from talking_portrait_ros.flow.solver import euler
from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.latents.ar_flow_matching.gestures import UnderWay
from talking_portrait_ros.latents.ar_flow_matching.live_backbone import FrameRing, LiveBackbone
from talking_portrait_ros.latents.ar_flow_matching.live_head import LiveHead
from talking_portrait_ros.latents.ar_flow_matching.model import ArFlow
from talking_portrait_ros.latents.noise import draws

EVERYTHING, NOTHING, OWN, PARTNER, ANCHOR = range(5)  # what a row knows
_NOISE = 78  # chance stream of the frames
_FARTHEST = 6.0  # spreads from the mean: no code is further out, so none can run away


@dataclass(frozen=True)
class Rows:
    """What each row of a session knows, as it enters the network.

    Attributes:
        branches: each has one row per session.
        knows: 1 where a row knows a voice, [R, 2].
        unknown: what stands for the voices that it does not know, [R, B C].
        anchor: what the transformer is told of the anchor, [R B, depth C].
    """

    branches: tuple[int, ...]
    knows: Tensor
    unknown: Tensor
    anchor: Tensor


@dataclass
class Past:
    """What a session remembers.

    Attributes:
        rows: what is asked.
        ring: the transformer's past of each row.
        anchor: [B, C].
        last: code of the newest frame, [B, K].
        gestures: what is under way, per session.
    """

    rows: Rows
    ring: FrameRing
    anchor: Tensor
    last: Tensor
    gestures: list[UnderWay]


class Sampler:
    """Samples frames with a network; several sessions may go on at once (the batch B)."""

    def __init__(self, model: ArFlow) -> None:
        """To be made anew when the weights change."""
        self.codes = model.codes
        self._gestures, self._anchor = model.gestures, model.anchor
        self._no_anchor = model.no_anchor
        self._no_voices = torch.stack([model.ears.own.none, model.ears.partner.none])
        self._backbone, self._head = LiveBackbone(model.backbone), LiveHead(model.head)

    def start(self, motion: Tensor, config: ArFlowMatchingConfig) -> Past:
        """Sessions that begin in, and are anchored to, `motion` [B, 58]."""
        last = self.codes.encode(motion)
        anchor, branches = self._anchor(last), _branches(config)
        ring = FrameRing.empty(config, len(branches) * len(motion), last)
        gestures = [UnderWay() for _ in motion]
        return Past(self._rows(branches, anchor), ring, anchor, last, gestures)

    def frame(
        self, voices: Tensor, past: Past, noise: Tensor, config: ArFlowMatchingConfig
    ) -> Tensor:
        """The motion of the next frame, [B, 58].

        Args:
            voices: what the own and the partner's voice say, from the ears, [2, B, C].
            past: brought up to date.
            noise: [B, K].
            config: steps and guidance; may change from frame to frame.
        """
        self._ask(past, _branches(config))
        rows, weights = past.rows, _weights(config).to(noise)
        heard = torch.addmm(rows.unknown, rows.knows, voices.flatten(1))
        heard = functional.silu(heard).view(len(weights), *voices.shape[1:])
        heard = heard + self._under_way(past, config)
        condition = self._backbone.step(past.last, heard, rows.anchor, past.ring)
        self._foresee(condition, weights, past)
        told = self._head.read_condition(condition, len(weights))
        times = iter(self._head.read_times(config.denoise_steps))

        def velocity(z: Tensor, t: Tensor) -> Tensor:
            said = self._head.clean(z, next(times), told)
            return velocity_from_clean(z, _guided(said, weights), t)

        code = euler(velocity, noise, times_down(config.denoise_steps).to(noise))
        motion: Tensor = self.codes.decode(code.clamp(-_FARTHEST, _FARTHEST))
        past.last = self.codes.encode(motion)  # of a code without meaning nothing stays
        return motion

    def _under_way(self, past: Past, config: ArFlowMatchingConfig) -> Tensor:
        """What is under way in this frame, [B, C]."""
        for session, under_way in enumerate(past.gestures):
            under_way.go_on(config.seed + session, past.ring.frame)
        ages = past.last.new_tensor([under_way.ages for under_way in past.gestures])
        return self._gestures.told(ages)

    def _foresee(self, condition: Tensor, weights: Tensor, past: Past) -> None:
        """How likely the next gestures are."""
        logits = _guided(self._gestures.next_logits(condition), weights)
        for under_way, chances in zip(past.gestures, logits.sigmoid().tolist(), strict=True):
            under_way.chances = chances

    def _rows(self, branches: tuple[int, ...], anchor: Tensor) -> Rows:
        """Rows of sessions with anchors [B, C]."""
        knows = anchor.new_tensor(
            [[b in (EVERYTHING, OWN), b in (EVERYTHING, PARTNER)] for b in branches]
        )
        unknown = ((1 - knows) @ self._no_voices).repeat(1, len(anchor))
        none = self._no_anchor.expand_as(anchor)
        anchors = [anchor if b in (EVERYTHING, ANCHOR) else none for b in branches]
        return Rows(branches, knows, unknown, self._backbone.told(torch.cat(anchors)))

    def _ask(self, past: Past, branches: tuple[int, ...]) -> None:
        """Go on with other rows; a new one begins with what the one knows that knows all."""
        before = past.rows.branches
        if branches == before:
            return
        kept = [before.index(b) if b in before else 0 for b in branches]
        past.ring.kept = past.ring.kept.unflatten(1, (len(before), -1))[:, kept].flatten(1, 2)
        past.rows = self._rows(branches, past.anchor)


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


def _weights(config: ArFlowMatchingConfig) -> Tensor:
    """How much each row has a say, [R]; they pull away from the row that knows nothing."""
    pulls = _pulls(config).values()
    return torch.tensor([1.0, -sum(pulls), *pulls] if pulls else [1.0])


def _guided(said: Tensor, weights: Tensor) -> Tensor:
    """What the rows [R B, K] say together, [B, K] (S3, section 3.5)."""
    together: Tensor = (weights @ said.view(len(weights), -1)).view(-1, said.shape[1])
    return together


def frame_noise(seed: int, frame: int, n: int) -> Tensor:
    """The noise of a frame, [1, n]: a function of seed and index alone."""
    key = int(next(draws(seed, _NOISE, frame)) * 2**53)
    return torch.randn((1, n), generator=torch.Generator().manual_seed(key))
