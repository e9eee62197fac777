"""The second track of a stretch of sound."""

from __future__ import annotations

import numpy as np
import pytest

from talking_portrait_ros.chunks import AudioChunk, Header

RATE = 16_000


def ramp(n: int, start: float = 0.0) -> np.ndarray:
    return (start + np.arange(n) / n).astype(np.float32)


def test_no_partner_sounds_like_a_silent_one():
    chunk = AudioChunk(Header(), ramp(5), RATE, 0)
    assert chunk.partner is None
    np.testing.assert_array_equal(chunk.heard_partner, np.zeros(5, np.float32))


def test_a_partner_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"AudioChunk\.partner is \(4,\); expected the shape of"):
        AudioChunk(Header(), ramp(5), RATE, 0, ramp(4))


def test_a_partner_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match=r"AudioChunk\.partner holds NaN"):
        AudioChunk(Header(), ramp(5), RATE, 0, np.full(5, np.nan, np.float32))


def test_a_piece_is_cut_out_of_both_tracks_and_keeps_its_time():
    chunk = AudioChunk(Header(stamp_ns=1000), ramp(640), RATE, 100, ramp(640, 2.0))
    piece = chunk.piece(160, 320)
    np.testing.assert_array_equal(piece.samples, chunk.samples[160:320])
    np.testing.assert_array_equal(piece.partner, chunk.heard_partner[160:320])
    assert (piece.first_sample, piece.header.stamp_ns) == (260, 1000 + 10_000_000)


def test_a_piece_of_a_chunk_without_partner_has_none():
    assert AudioChunk(Header(), ramp(640), RATE, 0).piece(10).partner is None
