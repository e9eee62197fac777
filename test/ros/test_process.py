from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.ros_graph import wait_for

pytestmark = pytest.mark.ros

NODES = {
    "audio": ["-p", "source:=topic"],
    "references": [],
    "features": [],
    "latents": [],
    "frames": ["-p", "preset:=rig_256"],
    "fused": ["-p", "preset:=rig_256"],
    "screen": ["-p", "output:=none"],
}


def started(node, *arguments):
    command = [sys.executable, "-m", f"talking_portrait_ros.ros.nodes.{node}", "--ros-args"]
    return subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def has_begun(process):
    """Whether the process hears SIGTERM itself, which it does before it imports anything."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1


def ended(process, number, timeout_s=30):
    process.send_signal(number)
    output, _ = process.communicate(timeout=timeout_s)
    return process.returncode, output


def log_of(process):
    """Reads the process's lines as they come."""
    lines = []

    def has(text):
        while not any(text in line for line in lines):
            line = process.stdout.readline()
            assert line, f"{text!r} never came:\n{''.join(lines)}"
            lines.append(line)

    return has


@pytest.mark.parametrize("node", NODES)
def test_ctrl_c_ends_an_active_node_with_code_0_and_without_traceback(domain, node):
    process = started(node, *NODES[node])
    log_of(process)("]: active")
    code, output = ended(process, signal.SIGINT)
    assert (code, "Traceback" in output) == (0, False), output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_unconfigured_node_ends_well_too(domain, number):
    process = started("audio", "-p", "autostart:=false")
    wait_for(lambda: has_begun(process), 30)
    time.sleep(1)
    code, output = ended(process, number)
    assert (code, "Traceback" in output) == (0, False), output


def test_signal_while_the_weights_load_ends_the_node_well(domain):
    process = started("frames", "-p", "preset:=rig_256")
    wait_for(lambda: "torch" in Path(f"/proc/{process.pid}/maps").read_text(), 30)
    code, output = ended(process, signal.SIGTERM)
    assert (code, "Traceback" in output) == (0, False), output


def test_signal_while_python_imports_ends_the_node_well(domain):
    process = started("frames")
    wait_for(lambda: has_begun(process), 30)
    code, output = ended(process, signal.SIGTERM)
    assert (code, output) == (0, "")


def test_parameter_of_a_wrong_type_is_one_line_and_code_2(domain):
    process = started("audio", "-p", "chunk_ms:=soon")
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "chunk_ms" in output
    assert "Traceback" not in output


def test_users_mistake_leaves_the_node_alive_and_unconfigured(domain, graph):
    from lifecycle_msgs.srv import GetState

    process = started("audio", "-p", "source:=file", "-p", "file:=/no/such.wav")
    log_of(process)("cannot become inactive: sound '/no/such.wav' does not exist")
    state = graph.call(GetState, "/audio/get_state", GetState.Request())
    assert state.current_state.label == "unconfigured"
    assert ended(process, signal.SIGINT)[0] == 0


def test_supervised_node_that_cannot_start_ends_with_code_2_and_one_line(domain):
    words = ("source:=file", "file:=/no/such.wav", "exit_on_failure:=true")
    process = started("audio", *(part for word in words for part in ("-p", word)))
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert output.count("/no/such.wav") == 1
    assert "Traceback" not in output


def test_stage_nodes_without_a_model_do_not_load_torch(domain):
    program = (
        "import sys\n"
        "from talking_portrait_ros.ros.nodes import audio, references, screen\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_destroyed_node_leaves_no_participant(domain):
    program = """
import os
import rclpy
from talking_portrait_ros.ros.avatar_node import AvatarNode, AvatarParameters

def participants():
    tasks = os.scandir("/proc/self/task")
    return sum(open(f"{task.path}/comm").read().startswith("dds.ev") for task in tasks)

rclpy.init(args=[])
node = AvatarNode("x", AvatarParameters())
node.autostart()
before = participants()
node.close()
node.destroy_node()
print(before, participants())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["1", "0"], done.stderr


def test_wait_for_gives_up():
    with pytest.raises(AssertionError, match="waited in vain"):
        wait_for(lambda: False, timeout_s=0.05)
