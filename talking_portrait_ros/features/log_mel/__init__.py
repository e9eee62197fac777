"""Streaming log-mel at the video rate, with voice activity per frame."""

from __future__ import annotations

from talking_portrait_ros.features.log_mel.config import LogMelConfig
from talking_portrait_ros.features.log_mel.extractor import LogMel
from talking_portrait_ros.features.log_mel.speech_net import SpeechNet
from talking_portrait_ros.registry import Family


def build(config: LogMelConfig, device: str) -> LogMel:
    """The stage with its weights. It runs in numpy on the CPU, whatever `device` is."""
    return LogMel(config, SpeechNet.load())


FAMILY = Family(config=LogMelConfig, build=build, tiny=LogMelConfig(lookahead_ms=60))
