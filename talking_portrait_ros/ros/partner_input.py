"""The partner's sound at a node that hears: a topic, the aligner, a line for each trouble."""

from __future__ import annotations

from typing import Any

from talking_portrait_ros import msg
from talking_portrait_ros.audio.partner import PartnerTrack
from talking_portrait_ros.chunks import AudioChunk
from talking_portrait_ros.ros import qos
from talking_portrait_ros.ros.avatar_node import AvatarNode
from talking_portrait_ros.ros.conversions import audio_from_msg

TOPIC = "partner_audio"
SENTENCES = {
    "absences": "the partner's sound has stopped: silence stands in",
    "gaps": "the partner's sound has holes: silence stands in",
    "restarts": "the partner's sound jumps in time: its track begins anew",
    "late_samples": "the partner's sound comes late: silence stands in, and it is heard later",
    "dropped_samples": "the partner's sound comes too fast: the oldest of it is dropped",
    "clipped_samples": "the partner's sound is beyond -1..1: it is clipped",
}


class PartnerInput:
    """Hears `partner_audio` for a node, and puts it beside the node's own sound."""

    def __init__(self, node: AvatarNode[Any]) -> None:
        """Subscribe."""
        self._node = node
        self._track = PartnerTrack()
        node.subscribe(msg.AudioChunk, TOPIC, self._hear, qos.STREAM)

    def join(self, chunk: AudioChunk) -> AudioChunk:
        """The own chunk with what the partner said meanwhile."""
        joined = self._track.join(chunk)
        for name, sentence in SENTENCES.items():
            count = getattr(self._track.counts, name)
            if count > self._node.counts[f"partner_{name}"]:
                self._node.counts[f"partner_{name}"] = count
                self._node.warn_once(sentence)
        if self._track.offset_ms:
            self._node.warn_once(
                f"the partner's clock is {self._track.offset_ms:.0f} ms off: its sound is placed "
                "by when it arrives"
            )
        return joined

    def vitals(self) -> dict[str, str]:
        """Whether the partner is heard, how much later than the own sound, and its clock."""
        return {
            "partner": "heard" if self._track.is_present else "silent",
            "partner_delay_ms": f"{self._track.delay_ms:.1f}",
            "partner_offset_ms": f"{self._track.offset_ms:.1f}",
        }

    def _hear(self, message: Any) -> None:
        try:
            self._track.hear(audio_from_msg(message))
        except ValueError as error:
            self._node.refuse(error)
