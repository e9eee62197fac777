"""The network asked frame by frame says what the network says that was taught on stretches."""

from __future__ import annotations

import pytest
import torch

from talking_portrait_ros.latents.ar_flow_matching import FAMILY
from talking_portrait_ros.latents.ar_flow_matching.backbone import Backbone
from talking_portrait_ros.latents.ar_flow_matching.ears import Ears
from talking_portrait_ros.latents.ar_flow_matching.head import FlowHead
from talking_portrait_ros.latents.ar_flow_matching.lips import Lips
from talking_portrait_ros.latents.ar_flow_matching.live_backbone import FrameRing, LiveBackbone
from talking_portrait_ros.latents.ar_flow_matching.live_ears import LiveEars
from talking_portrait_ros.latents.ar_flow_matching.live_head import LiveHead
from talking_portrait_ros.latents.ar_flow_matching.model import ArFlow
from talking_portrait_ros.latents.ar_flow_matching.sampler import Sampler
from talking_portrait_ros.latents.audio_regression.model import ArticulationNet
from talking_portrait_ros.spaces import MOTION_WIDTH

TINY = FAMILY.tiny
N_SESSIONS, N_ROWS, N_FRAMES = 2, 3, 41
CLOSE = {"atol": 1e-4, "rtol": 1e-4}


@pytest.fixture(autouse=True)
def _same_networks_each_time():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


@pytest.fixture
def chance():
    return torch.Generator().manual_seed(1)


def taught(network):
    """Every weight is something, so that none can be left out unnoticed."""
    for weight in network.parameters():
        weight += 0.2 * torch.randn(weight.shape)
    return network.eval()


@pytest.mark.parametrize("attentions", [1, 2])
def test_the_transformer_beyond_its_window(attentions, chance):
    config = TINY.replace(attentions=attentions, window_frames=5)
    backbone = taught(Backbone(config))
    before = torch.randn(N_SESSIONS, N_FRAMES, config.codes, generator=chance)
    heard = torch.randn(N_ROWS, N_SESSIONS, N_FRAMES, config.width, generator=chance)
    anchor = torch.randn(N_ROWS * N_SESSIONS, config.width, generator=chance)
    whole = backbone(before.repeat(N_ROWS, 1, 1), heard.flatten(0, 1), anchor)
    live = LiveBackbone(backbone)
    ring = FrameRing.empty(config, N_ROWS * N_SESSIONS, heard)
    told = live.told(anchor)
    steps = [live.step(before[:, t], heard[:, :, t], told, ring) for t in range(N_FRAMES)]
    torch.testing.assert_close(torch.stack(steps, dim=1), whole, **CLOSE)


@pytest.mark.parametrize("n_steps", [1, 3])
def test_the_flow_head_at_each_of_its_times(n_steps, chance):
    head = taught(FlowHead(TINY.replace(flow_depth=2)))
    live = LiveHead(head)
    condition = torch.randn(N_ROWS * N_SESSIONS, TINY.width, generator=chance)
    z = torch.randn(N_SESSIONS, TINY.codes, generator=chance)
    told, times = live.read_condition(condition, N_ROWS), live.read_times(n_steps)
    for index in range(n_steps):
        t = torch.full((len(condition),), 1 - index / n_steps)
        whole = head(z.repeat(N_ROWS, 1), t, condition)
        torch.testing.assert_close(live.clean(z, times[index], told), whole, **CLOSE)


@pytest.mark.parametrize("encoder", ["log_mel", "wav2vec2"])
def test_the_ears_longer_than_their_convolutions_look_back(encoder, chance):
    config = TINY.replace(encoder=encoder, speech_width=8, partner_width=4, lip_nets=0)
    ears, lookahead = taught(Ears(config)), 3
    values = torch.randn(1, N_FRAMES, config.feature_width, generator=chance)
    speech = torch.rand(1, N_FRAMES, generator=chance)
    own, partner = ears(values, speech, torch.tensor([lookahead]), ears.fresh_caches())
    live = LiveEars(ears, lookahead)
    rings = live.start()
    steps = [live.hear(values[0, t], float(speech[0, t]), rings) for t in range(N_FRAMES)]
    voices = torch.stack(steps, dim=2)  # [2, 1, T, C]
    torch.testing.assert_close(voices, torch.stack([own, partner]), **CLOSE)


def test_the_lips_longer_than_their_convolutions_look_back(chance):
    lips, lookahead = taught(Lips(3)), 2
    heard = torch.randn(N_FRAMES, 160, generator=chance)
    slots = heard.view(1, 1, 2 * N_FRAMES, 80).expand(3, -1, -1, -1)
    said = lips(slots, lips.fresh_caches())[:, 0, :, lookahead, :5]
    whole = said.mean(dim=0).view(N_FRAMES, 2, 5).mean(dim=1)
    caches = lips.fresh_caches()
    steps = [lips.frame(one, lookahead, caches) for one in heard]
    torch.testing.assert_close(torch.stack(steps), whole, **CLOSE)


def test_each_lip_net_says_what_an_articulation_net_with_its_weights_says(chance):
    lips = taught(Lips(2))
    slots = torch.randn(1, 80, 70, generator=chance)
    said = lips(slots.mT.expand(2, 1, -1, -1), lips.fresh_caches())
    for index in range(lips.n_nets):
        net = ArticulationNet()
        _lend(net.enter, lips.enter, index)
        for block, of_lips in zip(net.blocks, lips.blocks, strict=True):
            _lend(block.spread, of_lips.spread, index)
            _lend(block.mix, of_lips.mix, index)
        weight = lips.leave.weight[index, :, 6:12]  # lookahead 20 ms
        net.leave.weight.copy_(weight.T[..., None])
        net.leave.bias.copy_(lips.leave.bias[index, 0, 6:12])
        alone, _ = net(slots, net.fresh_caches())
        torch.testing.assert_close(said[index, :, :, 1].mT, alone, atol=1e-2, rtol=1e-3)


def _lend(conv, maps, index):
    """Give a convolution the weights of the map of one net; its taps lie oldest first."""
    weight = maps.weight[index].unflatten(0, (conv.kernel_size[0], -1))  # [K, in, out]
    conv.weight.copy_(weight.permute(2, 1, 0))
    conv.bias.copy_(maps.bias[index, 0])


def test_places_stay_exact_after_hours(chance):
    """The same past at frame 0 and at frame 10 million gives the same condition."""
    backbone = LiveBackbone(taught(Backbone(TINY)))
    before = torch.randn(20, 1, TINY.codes, generator=chance)
    heard = torch.randn(20, 1, 1, TINY.width, generator=chance)
    told, ends = backbone.told(torch.randn(1, TINY.width, generator=chance)), []
    for start in (0, 10_000_000):
        ring = FrameRing.empty(TINY, 1, heard)
        ring.frame = start
        for t in range(20):  # more than the window, which is then all new
            end = backbone.step(before[t], heard[t], told, ring)
        ends.append(end)
    torch.testing.assert_close(*ends, atol=1e-4, rtol=1e-4)


def test_sessions_sampled_together_are_as_each_alone(chance):
    config = TINY.replace(guidance_anchor=0.3)
    sampler = Sampler(taught(ArFlow(config)))
    motion = 0.1 * torch.randn(N_SESSIONS, MOTION_WIDTH, generator=chance)
    voices = torch.randn(6, 2, N_SESSIONS, config.width, generator=chance)
    noise = torch.randn(6, N_SESSIONS, config.codes, generator=chance)
    past = sampler.start(motion, config)
    together = [sampler.frame(voices[t], past, noise[t], config) for t in range(6)]
    for session in range(N_SESSIONS):
        own_dice, only = config.replace(seed=config.seed + session), slice(session, session + 1)
        past = sampler.start(motion[only], own_dice)
        for t in range(6):
            alone = sampler.frame(voices[t][:, only], past, noise[t][only], own_dice)
            torch.testing.assert_close(alone, together[t][only], **CLOSE)
