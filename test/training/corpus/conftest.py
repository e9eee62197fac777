"""A pack of two drawn faces and one made-up utterance: no people, no voices needed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from talking_portrait_ros.frames.avatar import drawn_avatar
from talking_portrait_ros.frames.portrait import crop_face
from talking_portrait_ros.training.corpus import Corpus
from talking_portrait_ros.training.corpus.config import CorpusConfig
from talking_portrait_ros.training.corpus.looks import random_avatar
from talking_portrait_ros.training.corpus.pack import PICTURE_PX, Pack, Person, Spoken
from talking_portrait_ros.training.corpus.speech import encoded

VOICE_FRAMES = 50


def as_jpeg(image):
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def person(reference, name):
    portrait = crop_face(reference, PICTURE_PX)
    matte = np.zeros((64, 64), np.uint8)
    cv2.ellipse(matte, (32, 36), (18, 28), 0, 0, 360, 255, -1)
    return Person(name, as_jpeg(portrait.image[..., ::-1]), portrait.landmarks, as_jpeg(matte))


@pytest.fixture(scope="session")
def loud_frames():
    """Frames of the utterance in which the mouth is open and the sound is loud."""
    return np.arange(VOICE_FRAMES) % 10 < 4


@pytest.fixture(scope="session")
def pack(loud_frames):
    articulators = np.zeros((VOICE_FRAMES, 5), np.float32)
    articulators[:, 0] = np.where(loud_frames, 0.9, 0.0)
    tone = np.sin(2 * np.pi * 300 * np.arange(VOICE_FRAMES * 640) / 16_000)
    sound = (0.5 * tone * np.repeat(loud_frames, 640)).astype(np.float32)
    people = (person(drawn_avatar(), "avatar"), person(random_avatar(3, 1), "other"))
    return Pack(people, (Spoken("tone", encoded(sound), articulators),))


@pytest.fixture(scope="session")
def plain(pack):
    """Talking faces without any augmentation."""
    return Corpus(pack, config=CorpusConfig.plain().replace(oversampling=1, speech=1.0))


@pytest.fixture(scope="session")
def rich(pack):
    """Every augmentation in nearly every clip."""
    config = CorpusConfig(oversampling=2, camera=1.0, drift=1.0, background=1.0, noise=1.0,
                          jpeg=1.0, blur=1.0)  # fmt: skip
    return Corpus(pack, config=config)
