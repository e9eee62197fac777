"""The network: what is heard and what has been done, to the motion of the next frame (S3, 3.3)."""

from __future__ import annotations

import torch
from torch import nn

from talking_portrait_ros.latents.ar_flow_matching.backbone import Backbone
from talking_portrait_ros.latents.ar_flow_matching.codes import MotionCodes
from talking_portrait_ros.latents.ar_flow_matching.config import ArFlowMatchingConfig
from talking_portrait_ros.latents.ar_flow_matching.ears import Ears
from talking_portrait_ros.latents.ar_flow_matching.gestures import Gestures
from talking_portrait_ros.latents.ar_flow_matching.head import FlowHead
from talking_portrait_ros.latents.ar_flow_matching.lips import Lips


class ArFlow(nn.Module):
    """Ears, motion codes, gestures, transformer and flow-matching head; lips beside them."""

    def __init__(self, config: ArFlowMatchingConfig) -> None:
        super().__init__()
        self.config = config
        self.codes = MotionCodes(config.codes)
        self.ears = Ears(config)
        self.gestures = Gestures(config.width)
        self.anchor = nn.Linear(config.codes, config.width)
        self.no_anchor = nn.Parameter(torch.zeros(config.width))
        self.backbone = Backbone(config)
        self.head = FlowHead(config)
        self.lips = Lips(config.lip_nets) if config.lip_nets else None
