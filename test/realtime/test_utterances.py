from __future__ import annotations

import numpy as np

from talking_portrait_ros.chunks import FeatureChunk, Header
from talking_portrait_ros.realtime.utterances import END_FRAMES, Utterances


def heard(speech, first=0, epoch=0):
    values = np.zeros((len(speech), 1), np.float32)
    speech = np.array(speech, np.float32)
    return FeatureChunk(Header(epoch=epoch), "features/x-1", values, speech, first)


def shown(utterances, frames, epoch=0):
    return [utterances.show(epoch, frame) for frame in frames]


def test_speech_that_lasts_begins_an_utterance_and_a_single_frame_does_not():
    utterances = Utterances()
    utterances.hear(heard([0, 1, 0, 1, 1, 1]))
    assert shown(utterances, range(6)) == [False] * 4 + [True] * 2
    assert utterances.count == 1


def test_short_pauses_belong_to_the_utterance():
    utterances = Utterances()
    utterances.hear(heard([1, 1] + [0] * (END_FRAMES - 1) + [1] + [0] * END_FRAMES))
    states = shown(utterances, range(2 * END_FRAMES + 2))
    assert states == [False] + [True] * (2 * END_FRAMES) + [False]
    assert utterances.count == 1


def test_features_are_heard_ahead_of_the_picture():
    utterances = Utterances()
    utterances.hear(heard([0] * 10 + [1] * 10))
    assert not any(shown(utterances, range(10)))
    assert shown(utterances, range(10, 20))[-1]


def test_frames_that_were_never_shown_do_not_hold_up_the_rest():
    utterances = Utterances()
    utterances.hear(heard([0] * 50 + [1] * 10))
    assert shown(utterances, [0, 51, 52])[-1]


def test_flush_ends_the_utterance_and_the_new_epoch_counts_from_its_own_frames():
    utterances = Utterances()
    utterances.hear(heard([1] * 10))
    assert shown(utterances, range(5))[-1]
    utterances.cut()
    assert not utterances.speaking
    utterances.hear(heard([0] * 3, first=20, epoch=1))
    assert not any(shown(utterances, range(20, 23), epoch=1))
