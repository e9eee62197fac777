"""Two voices, the face's own and its partner's, heard strictly causally."""

from __future__ import annotations

import torch

from talking_portrait_ros.features.causal_speech.config import CausalSpeechConfig
from talking_portrait_ros.features.causal_speech.extractor import AnyEar, CausalSpeech
from talking_portrait_ros.features.causal_speech.net_ear import NetEar, load_folder
from talking_portrait_ros.features.causal_speech.wav2vec2 import CausalWav2Vec2, Wav2Vec2Size
from talking_portrait_ros.features.log_mel.ear import SLOTS_PER_FRAME, Ear
from talking_portrait_ros.features.log_mel.speech_net import SpeechNet
from talking_portrait_ros.registry import Family


def build(config: CausalSpeechConfig, device: str) -> CausalSpeech:
    """The stage with its weights. Log-mel runs in numpy on the CPU, whatever `device` is.

    Raises:
        ValueError: the folder holds no model that fits.
    """
    return CausalSpeech(config, _ear(config, config.lookahead_ms, device), _ear(config, 0, device))


def _ear(config: CausalSpeechConfig, lookahead_ms: int, device: str) -> AnyEar:
    ear = Ear(lookahead_ms, SpeechNet.load())
    if config.encoder == "log_mel":
        return ear
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = CausalWav2Vec2(size_of(config))
    if config.folder:
        load_folder(net, config.folder)
    return NetEar(net.to(device).eval().requires_grad_(False), ear)


def size_of(config: CausalSpeechConfig) -> Wav2Vec2Size:
    """How large each of the two speech models is."""
    past_slots = SLOTS_PER_FRAME * config.past_frames
    return Wav2Vec2Size(config.width, config.conv_width, config.layers, past_slots)


FAMILY = Family(config=CausalSpeechConfig, build=build, tiny=CausalSpeechConfig())
