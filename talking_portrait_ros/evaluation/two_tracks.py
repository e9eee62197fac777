"""A conversation of two recordings: who speaks when is heard, the motion is not known."""

from __future__ import annotations

import numpy as np

from talking_portrait_ros.audio.files import read_sound
from talking_portrait_ros.chunks import F32, AudioChunk, Header
from talking_portrait_ros.evaluation.events import FPS
from talking_portrait_ros.frames.references import AVATAR, load_references
from talking_portrait_ros.pipeline import build_stage
from talking_portrait_ros.spaces import MOTION_WIDTH
from talking_portrait_ros.stage_specs import StageSpec
from talking_portrait_ros.timebase import Timebase
from talking_portrait_ros.training.conversations.conversation import Bools, Conversation, Frames
from talking_portrait_ros.training.conversations.track import (
    BRIDGED_S,
    PHRASE_PAUSE_S,
    PHRASE_S,
)

TIMEBASE = Timebase()
HEARD = 0.5  # probability from which a frame holds speech
LOOKAHEAD_MS = 200


def read_conversation(own: str, partner: str) -> Conversation:
    """Two sound files as a conversation without a label; the shorter is filled with silence.

    Raises:
        ValueError: a file that cannot be read.
    """
    tracks = [read_sound(path, TIMEBASE.sample_rate_hz) for path in (own, partner)]
    n_frames = max(len(track) for track in tracks) // TIMEBASE.samples_per_frame
    n_samples = n_frames * TIMEBASE.samples_per_frame
    tracks = [np.pad(track, (0, max(0, n_samples - len(track))))[:n_samples] for track in tracks]
    speaking, partner_speaking = (_closed(_speech(track), BRIDGED_S) for track in tracks)
    return Conversation(
        tracks[0],
        tracks[1],
        np.zeros((n_frames, MOTION_WIDTH), np.float32),
        speaking,
        partner_speaking,
        phrase_ends(partner_speaking),
        name=f"{own} and {partner}",
    )


def phrase_ends(speaking: Bools) -> Frames:
    """Last frames of stretches of speech that are long enough and followed by a pause, [k]."""
    stretches = _stretches(_closed(speaking, PHRASE_PAUSE_S))
    ends = [high - 1 for low, high in stretches if high - low >= PHRASE_S * FPS]
    return np.asarray([end for end in ends if end < len(speaking) - 1], np.int64)


def _speech(sound: F32) -> Bools:
    """Frames in which speech is heard, [T]."""
    stage = build_stage("features", StageSpec("log_mel", {"lookahead_ms": LOOKAHEAD_MS}))
    state = stage.start(load_references([AVATAR]))
    late = np.pad(sound, (0, TIMEBASE.ms_to_samples(LOOKAHEAD_MS)))
    chunks = stage.step(AudioChunk(Header(), late, TIMEBASE.sample_rate_hz, 0), state)
    speech = np.concatenate([chunk.speech for chunk in chunks])
    return np.asarray(speech[: len(sound) // TIMEBASE.samples_per_frame] >= HEARD)


def _closed(mask: Bools, shorter_than_s: float) -> Bools:
    """`mask` with gaps shorter than that filled."""
    filled = mask.copy()
    for low, high in _stretches(~mask):
        if low > 0 and high < len(mask) and high - low < shorter_than_s * FPS:
            filled[low:high] = True
    return filled


def _stretches(mask: Bools) -> list[tuple[int, int]]:
    """Where `mask` holds: first frame and the one after the last."""
    edges = np.flatnonzero(np.diff(np.pad(mask.astype(np.int8), 1)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
