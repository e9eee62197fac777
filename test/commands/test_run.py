"""`talking-portrait run`: the real graph in real processes, from its start to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import wave

import av
import numpy as np
import psutil
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("talking_portrait_ros.msg")
pytestmark = pytest.mark.ros

RATE_HZ = 16_000
DOMAIN = 10 + os.getpid() % 80


@pytest.fixture
def environment(tmp_path):
    """A ROS domain of its own, so that tests on one machine do not hear each other."""
    values = {**os.environ, "ROS_DOMAIN_ID": str(DOMAIN), "ROS_LOG_DIR": str(tmp_path)}
    for name in ("ROS_AUTOMATIC_DISCOVERY_RANGE", "FASTDDS_DEFAULT_PROFILES_FILE"):
        values.pop(name, None)
    return values


@pytest.fixture
def start(environment):
    """Start the command; whatever still runs at the end is a failure, and is killed."""
    started = []

    def begin(*words):
        command = [sys.executable, "-m", "talking_portrait_ros", *map(str, words)]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()


def write_sound(path, seconds=2.0):
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sound = 0.3 * np.sign(np.sin(2 * np.pi * 140 * time_s)) * (np.sin(6 * np.pi * time_s) > 0)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return path


def nodes_of(process):
    """The node processes below `process`, and their keepers."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "talking_portrait_ros.ros.nodes" in
            " ".join(child.cmdline())]  # fmt: skip


@pytest.mark.parametrize("layout", ["split", "fused"])
def test_run_records_the_whole_sound_and_ends_by_itself(start, tmp_path, layout):
    sound, video = write_sound(tmp_path / "sound.wav"), tmp_path / "talk.mp4"
    partner = ["--partner", sound] if layout == "fused" else []  # changes nothing that is heard
    process = start("run", "--audio", sound, "--screen", f"file:{video}", "--layout", layout,
                    "--preset", "rig_256", *partner)  # fmt: skip
    output, _ = process.communicate(timeout=180)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    assert "started anew" not in output
    assert "mouth-to-pixel" in output
    with av.open(str(video)) as container:
        frames = sum(1 for _ in container.decode(video=0))
    with av.open(str(video)) as container:
        samples = np.concatenate(
            [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
        )  # [n]
    assert frames >= 50
    heard = np.flatnonzero(np.abs(samples) > 0.05)
    assert (heard[-1] - heard[0]) / RATE_HZ == pytest.approx(1.83, abs=0.1)


def listening_addresses(nodes):
    """Addresses of the sockets on DDS's well-known ports of the domain."""
    ports = range(7400 + 250 * DOMAIN, 7400 + 250 * (DOMAIN + 1))
    sockets = [socket for node in nodes for socket in node.net_connections("udp")]
    return {socket.laddr.ip for socket in sockets if socket.laddr.port in ports}


def test_the_graph_listens_on_this_host_only_and_ctrl_c_ends_it_with_code_0(start):
    process = start("run", "--topic", "--screen", "none", "--preset", "rig_256")
    deadline = time.monotonic() + 60
    nodes = []
    while len(nodes) < 2 * 6 and time.monotonic() < deadline:
        nodes = nodes_of(process)
        time.sleep(0.2)
    assert len(nodes) == 2 * 6
    time.sleep(3)
    assert listening_addresses(nodes) == {"127.0.0.1"}
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    assert not [node for node in nodes if node.is_running() and node.status() != "zombie"]


def test_a_node_that_cannot_start_ends_the_run_with_its_reason(start, tmp_path):
    process = start("run", "--audio", write_sound(tmp_path / "s.wav"), "--screen", "none",
                    "--device", "cuda:77")  # fmt: skip
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "cuda:77" in output
