from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.tiny_stages import LOOKAHEAD, Grey, Jaw, Loudness, ended, sound

from talking_portrait_ros.chunks import FrameChunk, Reference, References
from talking_portrait_ros.contract import check_clock, check_streaming_equals_whole
from talking_portrait_ros.realtime import session as session_module
from talking_portrait_ros.realtime.chain import Chain
from talking_portrait_ros.realtime.session import Session

STAGES = [("features", Loudness()), ("latents", Jaw()), ("frames", Grey())]


def portrait(brightness=100, name="grey"):
    return References((Reference(np.full((8, 8, 3), brightness, np.uint8), name=name),))


def session(stage=None):
    made = Session("features", stage or Loudness())
    made.renew(portrait())
    return made


def pushed(target, chunks):
    return [output for chunk in chunks for output in target.push(chunk)]


def positions(outputs):
    return [output.first_frame + i for output in outputs for i in range(output.n_frames)]


@pytest.mark.parametrize("stage", [Loudness(), Jaw(), Grey()], ids=lambda s: type(s).__name__)
def test_stages_of_these_tests_are_stages(stage):
    check_clock(stage)
    check_streaming_equals_whole(stage)


def test_whole_stream_comes_out_once_and_in_order():
    outputs = pushed(session(), ended(sound(10)))
    assert positions(outputs) == [0, 1, 2, 3, 4]
    assert [o.header.end_of_stream for o in outputs][-1] is True


def test_nothing_is_started_before_a_portrait_is_there():
    made = Session("features", Loudness())
    assert pushed(made, sound(4)) == []
    assert (made.counts.waiting, made.counts.sessions) == (4, 0)


def test_stream_that_is_joined_late_keeps_its_positions_and_stamps():
    outputs = pushed(session(), ended(sound(9, first=640 * 100 + 320)))
    assert positions(outputs) == [101, 102, 103, 104]
    assert outputs[0].header.stamp_ns == 10**9 + 101 * 40_000_000


def test_gap_is_counted_and_loses_only_what_the_gap_lost():
    made = session()
    chunks = sound(20)
    outputs = pushed(made, chunks[:7] + chunks[10:])
    assert made.counts.jumps == 1
    assert positions(outputs)[:6] == [0, 1, 2, 3, 5, 6]
    assert not any(output.header.end_of_stream for output in outputs)


def test_higher_epoch_begins_a_new_state_and_makes_lower_ones_void():
    made = session(Jaw())
    features = pushed(session(), sound(12))
    second = [c.with_header(replace(c.header, epoch=1)) for c in features[3:]]
    outputs = pushed(made, features[:3] + second[:1] + features[3:] + second[1:])
    assert made.counts.stale == len(features) - 3
    assert made.counts.jumps == 0
    assert [o.values[0, 0] for o in outputs[:5]] == [0, 1, 2, 0, 1]


def test_epoch_raised_from_outside_ends_the_state_too():
    made = session(Jaw())
    features = pushed(session(), sound(12))
    pushed(made, features[:3])
    made.set_epoch(1)
    assert made.push(features[3]) == []
    output = made.push(features[4].with_header(replace(features[4].header, epoch=1)))
    assert output[0].values[0, 0] == 0


def test_new_portrait_in_a_running_stream_leaves_no_gap():
    chain = Chain(STAGES)
    chain.renew(portrait(100))
    chunks = ended(sound(20))
    outputs = list(pushed(chain, chunks[:9]))
    chain.renew(portrait(20, "dark"))
    outputs += pushed(chain, chunks[9:])
    frames = [output for name, output in outputs if name == "frames" and len(output.frames)]
    assert [frame.first_frame for frame in frames] == list(range(10))
    assert frames[0].frames.min() >= 100
    assert frames[-1].frames.max() < 100


def test_refused_portrait_leaves_the_one_before():
    made = Session("frames", Grey())
    blocks = pushed(session(Jaw()), pushed(session(), sound(12)))
    with pytest.raises(ValueError, match="no face found"):
        made.renew(portrait(name="faceless"))
    assert made.push(blocks[0]) == []
    made.renew(portrait(100))
    with pytest.raises(ValueError, match="no face found"):
        made.renew(portrait(name="faceless"))
    output = made.push(blocks[2])[0]
    assert output.first_frame == blocks[2].first_frame
    assert output.frames.min() >= 100


def test_portrait_is_encoded_when_it_comes_not_when_the_first_chunk_does():
    stage = Grey()
    started = []
    stage.start = lambda references: started.append(references) or Grey.start(stage, references)
    made = Session("frames", stage)
    made.renew(portrait())
    assert len(started) == 1
    for block in pushed(session(Jaw()), pushed(session(), sound(12))):
        made.push(block)
    assert len(started) == 1


def test_misfit_is_refused_and_the_stream_goes_on():
    made = session()
    chunks = sound(10)
    outputs = pushed(made, chunks[:4])
    with pytest.raises(ValueError, match="sample_rate_hz=44100, expected 16000"):
        made.push(replace(chunks[4], sample_rate_hz=44100))
    outputs += pushed(made, ended(chunks[4:]))
    assert positions(outputs) == [0, 1, 2, 3, 4]
    assert made.counts.jumps == 0


def test_next_stream_after_an_end_starts_afresh():
    made = session()
    pushed(made, ended(sound(4)))
    outputs = pushed(made, ended(sound(4)))
    assert positions(outputs) == [0, 1]
    assert made.counts.jumps == 0


def test_ledger_names_every_stage_in_order_of_flow():
    chain = Chain(STAGES)
    chain.renew(portrait())
    frames = [out for _, out in pushed(chain, sound(6)) if isinstance(out, FrameChunk)]
    names = [name for name, _ in frames[0].header.ledger.entries]
    assert names == ["features", "latents", "frames"]


def test_chain_gives_what_its_stages_give_one_by_one():
    chain = Chain(STAGES)
    chain.renew(portrait())
    chunks = ended(sound(13))
    chained = [o for name, o in pushed(chain, chunks) if name == "frames"]
    alone = pushed(session(Grey()), pushed(session(Jaw()), pushed(session(), chunks)))
    got, expected = (np.concatenate([o.frames for o in outputs]) for outputs in (chained, alone))
    assert np.array_equal(got, expected)
    assert LOOKAHEAD  # the first stage looks ahead, so the end of the stream is exercised


def test_pictures_leave_as_they_are_made_and_what_others_do_with_them_is_not_counted(monkeypatch):
    now_s = [0.0]
    monkeypatch.setattr(session_module.time, "perf_counter", lambda: now_s[0])

    class Slow(Grey):
        """Draws one frame after the other, each in a second."""

        def stream(self, chunk, state):
            for output in self.step(chunk, state):
                for index in range(len(output.frames)):
                    now_s[0] += 1
                    frames = output.frames[index : index + 1]
                    yield replace(output, frames=frames, first_frame=output.first_frame + index)

    made = session(Slow())
    motion = pushed(session(Jaw()), pushed(session(), sound(12)))[:4]
    values = np.concatenate([block.values for block in motion])
    outputs = made.stream(replace(motion[0], values=values, n_frames=4))
    first = next(outputs)
    assert (now_s[0], first.first_frame) == (1, 0)
    now_s[0] += 100
    rest = list(outputs)
    assert [output.first_frame for output in rest] == [1, 2, 3]
    assert rest[-1].header.ledger.entries[-1] == (made.name, 4000)
