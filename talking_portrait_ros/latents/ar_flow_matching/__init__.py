"""The motion of a face that speaks and listens, frame by frame by flow matching (S3)."""

from __future__ import annotations

from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.latents.ar_flow_matching.load import build
from talking_portrait_ros.registry import Family

FAMILY = Family(
    config=ArFlowMatchingConfig,
    build=build,
    tiny=ArFlowMatchingConfig(
        speech_width=8,
        partner_width=8,
        codes=16,
        width=32,
        depth=2,
        head_width=8,
        flow_depth=1,
        window_frames=8,
        guidance_speaker=0.5,
        guidance_listener=0.5,
        lip_nets=2,
    ),
)
