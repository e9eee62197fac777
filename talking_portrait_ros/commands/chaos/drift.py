"""Clocks that differ, for a day: simulated, no avatar runs."""

from __future__ import annotations

from talking_portrait_ros.commands.chaos.proofs import Proof
from talking_portrait_ros.evaluation.drift import simulate_drift

SKEWS_PPM = (-200.0, 200.0)
HOURS, FULL_HOURS = 2.0, 24.0


def drift(full: bool) -> list[Proof]:
    """Sound cards that are too slow and too fast."""
    hours, proofs = FULL_HOURS if full else HOURS, []
    for skew_ppm in SKEWS_PPM:
        found = simulate_drift(skew_ppm, hours)
        name = f"card fast by {skew_ppm:+.0f} ppm, {hours:g} simulated hours"
        proofs += [
            Proof(f"{name}: largest offset", found.largest_offset_ms, "ms", 40),
            Proof(f"{name}: underruns", found.underruns, "", 0),
            Proof(f"{name}: dropped samples", found.dropped_samples, "", 0),
        ]
    return proofs
