"""The drawn avatar: there at once, its landmarks on its lines."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from talking_portrait_ros.frames import landmarks as search
from talking_portrait_ros.frames.avatar import PICTURE, drawn_avatar
from talking_portrait_ros.frames.avatar.drawing import draw_avatar

UPPER_LIP, LOWER_LIP, UPPER_INNER, LOWER_INNER = 0, 17, 13, 14


@pytest.fixture(scope="module")
def avatar():
    return drawn_avatar()


def test_avatar_is_there_without_mediapipe(monkeypatch):
    def refuse(*_):
        raise AssertionError("the stored landmarks were not used")

    monkeypatch.setattr(search, "_open_mesh", refuse)
    reference = drawn_avatar()
    assert reference.name == "avatar"
    assert reference.image.shape == (1024, 1024, 3)
    assert reference.landmarks is not None


def test_mouth_is_closed_and_lips_are_redder_than_the_skin(avatar):
    marks = avatar.landmarks[:, :2]
    assert np.abs(marks[UPPER_INNER] - marks[LOWER_INNER]).max() < 1
    redness = avatar.image[..., 0].astype(float) / avatar.image[..., 1]
    lips = [(marks[UPPER_LIP] + marks[UPPER_INNER]) / 2, (marks[LOWER_LIP] + marks[14]) / 2]
    cheek = (marks[50] + marks[280]) / 2
    at = [redness[round(float(y)), round(float(x))] for x, y in (*lips, cheek)]
    assert min(at[:2]) > at[2] + 0.08


def test_irises_are_dark_at_their_landmarks_and_whites_beside_them(avatar):
    grey = cv2.cvtColor(avatar.image, cv2.COLOR_RGB2GRAY)
    for centre, inner, outer in ((468, 133, 33), (473, 362, 263)):
        x, y = avatar.landmarks[centre, :2].round().astype(int)
        assert grey[y, x] < 40
        for corner in (inner, outer):
            xw, yw = 0.35 * avatar.landmarks[centre, :2] + 0.65 * avatar.landmarks[corner, :2]
            assert grey[round(float(yw)), round(float(xw))] > 110


def test_facemesh_sees_the_face_where_the_landmarks_say(avatar):
    pytest.importorskip("mediapipe")
    found = search.find_landmarks(avatar.image)
    distance = np.linalg.norm(found[:, :2] - avatar.landmarks[:, :2], axis=1)
    height = search.face_height(avatar.landmarks)
    assert np.median(distance) < 0.01 * height
    assert distance.max() < 0.04 * height


def test_shipped_picture_is_what_the_code_draws(avatar):
    assert PICTURE.exists()
    drawn = cv2.resize(draw_avatar(scale=0.5), (256, 256), interpolation=cv2.INTER_AREA)
    shipped = cv2.resize(avatar.image, (256, 256), interpolation=cv2.INTER_AREA)
    assert np.abs(drawn.astype(float) - shipped).mean() < 2
