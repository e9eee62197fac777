"""Frames of video latents come in bursts, a latent step or a block at a time."""

from __future__ import annotations

import pytest
from helpers.presentation import Simulation, captured_ns

from talking_portrait_ros.screen.config import ScreenConfig
from talking_portrait_ros.screen.presenter import Presenter
from talking_portrait_ros.timebase import Timebase

COMPUTE_MS = 80


def burst(simulation, first, n, steps_per_block, epoch=0):
    """`n` frames of a session that begins at `first`; each comes when its block is complete."""
    timebase = Timebase(
        frames_per_latent_step=4, latent_steps_per_block=steps_per_block, first_step_alone=True
    )
    for k in range(n):
        wait_ms = 40 * (timebase.block_end(k) - 1 - k)
        simulation.sound(first + k, epoch=epoch)
        simulation.frame(first + k, COMPUTE_MS + wait_ms, epoch=epoch)


@pytest.mark.parametrize(("steps_per_block", "least_ms"), [(1, 0), (1, 120), (4, 600)])
def test_bursts_are_shown_frame_by_frame_and_with_their_sound(steps_per_block, least_ms):
    config = ScreenConfig(min_delay_ms=least_ms, max_delay_ms=600 + least_ms)
    simulation = Simulation(Presenter(config))
    burst(simulation, 0, 200, steps_per_block)
    simulation.run(captured_ns(195))
    settled = 13 + 16
    assert set(simulation.kinds[settled:]) == {"own"}
    shown = [p.frame for p in simulation.periods[settled:]]
    assert shown == list(range(shown[0], shown[0] + len(shown)))
    assert all(p.sound.first_sample == 640 * p.frame for p in simulation.periods[settled:])
    block_fill_ms = 40 * (4 * steps_per_block - 1)
    expected_ms = COMPUTE_MS + block_fill_ms + config.margin_ms
    assert simulation.mouth_to_pixel_ms()[-1] == pytest.approx(expected_ms, abs=1)


@pytest.mark.parametrize("steps_per_block", [1, 4])
def test_after_a_flush_the_face_rests_until_the_next_frame_and_no_frame_misses(steps_per_block):
    config = ScreenConfig(min_delay_ms=600, max_delay_ms=1200)
    simulation = Simulation(Presenter(config))
    burst(simulation, 0, 93, steps_per_block)
    flush_ns = captured_ns(95)
    simulation.at(flush_ns, lambda: simulation.presenter.flush(1))
    burst(simulation, 97, 60, steps_per_block, epoch=1)
    simulation.run(captured_ns(150))
    after = [p for t, p in simulation.out if t >= flush_ns]
    kinds = [p.kind for p in after]
    held = kinds.index("own")
    assert held > 1
    assert set(kinds[:held]) == {"eased"}
    assert set(kinds[held:]) == {"own"}
    assert after[held].frame == 97
    pictures = [p.image[0, 0, 0] for p in after[:held]]
    assert set(pictures[1:]) == {0}  # that of the first frame, the quietest
