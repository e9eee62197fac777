"""Real sound devices without hardware: what is played into a null sink is what we record."""

from __future__ import annotations

import subprocess
import sys
import wave

import numpy as np
import pytest
from helpers.make_sound import loudest_hz, tone

pytestmark = pytest.mark.sound

TONE_HZ = 1000
SPEAKER_HZ = 2000
RECORD = """
import sys, threading
import numpy as np
from talking_portrait_ros.audio.microphone import MicSource
from talking_portrait_ros.audio.pacing import PacedAudio


class Counted(MicSource):
    n_read = 0

    def read(self, n_samples):
        samples = super().read(n_samples)
        if len(samples) and not self.n_read:
            print("listening", flush=True)
        self.n_read += len(samples)
        return samples


def tone_in(samples):  # the amplitude of the speaker's tone
    wave = np.exp(-2j * np.pi * float(sys.argv[2]) / 16_000 * np.arange(len(samples)))
    return 2 * abs(samples @ wave) / len(samples)


microphone = Counted()
paced = PacedAudio(microphone)
chunks, heard, quiet = [], False, 0
for chunk in paced.run(threading.Event()):
    chunks.append(chunk)
    loud = tone_in(chunk.samples) > 0.1
    heard, quiet = heard or loud, 0 if loud else quiet + 1
    if heard and quiet > 25 or len(chunks) > 750:  # half a second after the tone, or 15 s
        break
paced.close()
np.savez(sys.argv[1], samples=np.concatenate([c.samples for c in chunks]),
         first=[c.first_sample for c in chunks], stamps_ns=[c.header.stamp_ns for c in chunks],
         lost=microphone.lost_samples, dropped=paced.counts.dropped_samples)
"""
PLAY = """
import sys
import numpy as np
from talking_portrait_ros.screen.speaker import Speaker
speaker = Speaker()
tone = np.load(sys.argv[1])
sys.stdin.readline()
for first in range(0, len(tone), 640):
    assert speaker.wait_for_room(10.0)
    speaker.write(tone[first : first + 640])
print(speaker.queue.dropped_samples, speaker.latency_samples, flush=True)
sys.stdin.readline()
speaker.close()
"""
LIST = """
from talking_portrait_ros.audio.microphone import MicSource
from talking_portrait_ros.audio.port_audio import list_inputs
for _ in range(5):  # a loaded sound server may not answer the first time
    if list_inputs():
        break
for device in ("Neumann U 87", 4711):
    try:
        MicSource(device)
    except ValueError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def recording(pulse, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recording")
    played = (tone(TONE_HZ, 12_800) * 32_767).astype(np.int16)
    with wave.open(str(folder / "tone.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(played.tobytes())
    np.save(folder / "tone.npy", tone(SPEAKER_HZ, 8000))
    for _ in range(4):  # a loaded sound server may stumble
        taken = take(pulse, folder)
        if is_whole(taken["samples"], TONE_HZ, 12_800) and is_whole(
            taken["samples"], SPEAKER_HZ, 8000
        ):
            break
    return taken


def take(pulse, folder):
    """What the microphone hears of a tone by another program and one by our speaker."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": pulse}
    record = [sys.executable, "-c", RECORD, str(folder / "heard.npz"), str(SPEAKER_HZ)]
    play = [sys.executable, "-c", PLAY, str(folder / "tone.npy")]
    with (
        subprocess.Popen(record, **pipes) as recorder,
        subprocess.Popen(play, stderr=subprocess.DEVNULL, **pipes) as player,
    ):
        assert recorder.stdout.readline() == b"listening\n"
        subprocess.run(["paplay", "-d", "robot", str(folder / "tone.wav")], env=pulse, check=True)
        player.stdin.write(b"go\n")
        player.stdin.flush()
        said = player.stdout.readline()
        recorder.wait(timeout=30)
        player.communicate(b"close\n", timeout=20)
    return {**np.load(folder / "heard.npz"), "said": said}


def loud_part(samples, hz):
    """The samples from the first to the last 10 ms in which that tone is heard."""
    blocks = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    wave_ = np.exp(-2j * np.pi * hz / 16_000 * np.arange(160))
    heard = np.flatnonzero(np.abs(blocks @ wave_) / 80 > 0.45)
    return blocks[heard[0] : heard[-1] + 1].ravel() if len(heard) else blocks[:0].ravel()


def is_whole(samples, hz, n_samples):
    """Whether that tone is heard as long as it was played, nearly all of it at its level."""
    heard = loud_part(samples, hz)
    if abs(len(heard) - n_samples) > 480:
        return False
    level = np.sqrt(2 * np.mean(heard.reshape(-1, 160) ** 2, axis=1))
    return np.mean(np.abs(level - 0.5) < 0.05) > 0.95


def test_the_microphone_hears_the_tone_that_is_played_at_its_level(recording):
    assert is_whole(recording["samples"], TONE_HZ, 12_800)
    heard = loud_part(recording["samples"], TONE_HZ)
    assert loudest_hz(heard[:8000], 16_000) == pytest.approx(TONE_HZ, abs=3)
    assert recording["lost"] == recording["dropped"] == 0


def test_the_speaker_plays_a_tone_at_its_level(recording):
    assert is_whole(recording["samples"], SPEAKER_HZ, 8000)
    dropped, latency_samples = map(int, recording["said"].split())
    assert dropped == 0
    assert 0 < latency_samples < 16_000


def test_chunks_of_a_microphone_are_contiguous_with_steady_stamps(recording):
    assert set(np.diff(recording["first"])) == {320}
    steps_ms = np.diff(recording["stamps_ns"]) / 1e6
    np.testing.assert_allclose(steps_ms, 20, atol=0.1)


def test_a_microphone_that_does_not_exist_is_refused_with_a_list_and_without_noise(pulse):
    done = subprocess.run(
        [sys.executable, "-c", LIST], env=pulse, capture_output=True, text=True, check=True
    )
    by_name, by_index = done.stdout.splitlines()
    assert by_name.startswith("sound input 'Neumann U 87' does not exist; there are: ")
    assert "default" in by_name
    assert by_index.startswith("sound input 4711 does not exist; there are: ")
    assert done.stderr == ""
