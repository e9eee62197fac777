"""A real sound server without hardware: PulseAudio with a null sink, private to the tests."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SINK = "robot"
ALSA_CONFIG = "pcm.!default { type pulse }\nctl.!default { type pulse }\n"


@pytest.fixture(scope="session")
def pulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which the default sound devices are the null sink and its monitor."""
    for program in ("pulseaudio", "paplay"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (apt-get install pulseaudio-utils)")
    if importlib.util.find_spec("pyaudio") is None:
        pytest.skip("PyAudio is not installed")
    if not list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")):
        pytest.skip("ALSA's pulse plugin is not installed (apt-get install libasound2-plugins)")
    folder = tmp_path_factory.mktemp("pulse")
    config = folder / "asound.conf"
    config.write_text(ALSA_CONFIG)
    environment = {
        **os.environ,
        "XDG_RUNTIME_DIR": str(folder),
        "HOME": str(folder),
        "ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{config}",
        "PULSE_SERVER": f"unix:{folder}/native",
        "PULSE_SOURCE": f"{SINK}.monitor",
        "PULSE_SINK": SINK,
    }
    server = subprocess.Popen(
        ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes",
         f"--load=module-null-sink sink_name={SINK}",
         f"--load=module-native-protocol-unix socket={folder}/native auth-anonymous=1"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        _wait_for(folder / "native", server)
        yield environment
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=10)


def _wait_for(socket: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while not socket.exists():
        if server.poll() is not None or time.monotonic() > deadline:
            assert server.stderr is not None
            pytest.skip(f"pulseaudio did not start on {sys.platform}")
        time.sleep(0.02)
