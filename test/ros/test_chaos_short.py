"""The scenarios of `talking-portrait chaos`, as short as can be, and without a stop-watch."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("rclpy")

from talking_portrait_ros.cli import main
from talking_portrait_ros.commands.chaos import command
from talking_portrait_ros.commands.chaos.garbage import misbehave
from talking_portrait_ros.commands.chaos.kill import death_of
from talking_portrait_ros.commands.chaos.live import LiveAvatar
from talking_portrait_ros.commands.chaos.proofs import Proof
from talking_portrait_ros.commands.chaos.voice import RATE_HZ, Voice, spoken

pytestmark = pytest.mark.ros


def loudness(chunks):
    return max((float(np.abs(chunk.samples).max(initial=0)) for chunk in chunks), default=0.0)


def test_avatar_survives_a_flush_a_death_and_garbage():
    speech, avatar = spoken(), LiveAvatar("rig_256", "split")
    with avatar:
        probe = avatar.probe
        probe.push(speech[: 2 * RATE_HZ], RATE_HZ)
        avatar.wait(lambda: loudness(list(probe.heard)) > 0.01, 20, "nothing is heard")
        epoch = probe.flush().epoch

        def fresh():
            return [heard for heard in list(probe.heard) if heard.epoch == epoch]

        avatar.wait(lambda: len(fresh()) > 10, 20, "the new epoch is not heard")
        assert loudness(fresh()) == 0
        with Voice(probe, speech):
            for name in ("every message twice", "absurd positions and stamps"):
                assert misbehave(avatar, name, seconds=0.5).noticed
            death_of(avatar, "features", random.Random(0))
        avatar.end()
        assert "started anew" in avatar.log()
        assert "Traceback" not in avatar.log()
        assert (avatar.exit_code(), avatar.overdue()) == (0, 0), avatar.log()
        assert (avatar.orphans(), avatar.leaked_segments()) == (0, 0), avatar.log()


def test_command_prints_every_proof_writes_json_and_fails_where_one_falls_short(
    monkeypatch, tmp_path
):
    proofs = [Proof("lag", 390.0, "ms", 400), Proof("gap", 250.0, "ms", 200), Proof("n", 3, "")]
    monkeypatch.setattr(command, "measured", lambda *_: proofs)
    file = tmp_path / "chaos.json"
    result = CliRunner().invoke(main, ["chaos", "kill", "--json", str(file)])
    assert result.exit_code == 1
    found = json.loads(file.read_text())["scenarios"]["kill"]
    assert [proof["holds"] for proof in found] == [True, False, True]
    assert [line.split()[0] for line in map(Proof.line, proofs)] == ["ok", "SHORT", "n:"]


def test_command_lists_its_scenarios_and_refuses_others():
    listed = CliRunner().invoke(main, ["chaos", "--list"]).output
    assert [line.split()[0] for line in listed.splitlines()] == list(command.SCENARIOS)
    refused = CliRunner().invoke(main, ["chaos", "earthquake"])
    assert refused.exit_code == 2
    assert "scenario='earthquake'" in refused.output
