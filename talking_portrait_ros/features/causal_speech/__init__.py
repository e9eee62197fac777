"""Two voices, the face's own and its partner's, heard strictly causally."""

from __future__ import annotations

from talking_portrait_ros.features.causal_speech.config import CausalSpeechConfig
from talking_portrait_ros.features.causal_speech.extractor import AnyEar, CausalSpeech
from talking_portrait_ros.features.log_mel.ear import Ear
from talking_portrait_ros.features.log_mel.speech_net import SpeechNet
from talking_portrait_ros.registry import Family


def build(config: CausalSpeechConfig, device: str) -> CausalSpeech:
    """The stage with its weights. Log-mel runs in numpy on the CPU, whatever `device` is.

    Raises:
        ValueError: the folder holds no model that fits.
    """
    return CausalSpeech(config, _ear(config, config.lookahead_ms, device), _ear(config, 0, device))


def _ear(config: CausalSpeechConfig, lookahead_ms: int, device: str) -> AnyEar:
    return Ear(lookahead_ms, SpeechNet.load())


FAMILY = Family(config=CausalSpeechConfig, build=build, tiny=CausalSpeechConfig())
